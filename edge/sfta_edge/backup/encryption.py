"""Encryption of a stream for one key, in blocks, so that any change of it is found.

STREAM of Hoang, Reyhanitabar, Rogaway and Vizár ("Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015), as in the age format: ChaCha20-Poly1305 over blocks
of 64 KiB, whose nonce is a counter and a mark of the last block. The key is made anew for each
stream: X25519 with a key that is thrown away, then HKDF-SHA256 over the whole header.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sfta_edge.errors import IntegrityError

MAGIC = b"sfta.backup/1\n"
BLOCK_BYTES = 64 << 10
_TAG_BYTES = 16
_KEY_BYTES = 32
HEADER_BYTES = len(MAGIC) + 2 * _KEY_BYTES
_INFO = b"sfta.backup/1 stream"


class Sealing:
    """Encrypts one stream; its key is forgotten with the object."""

    def __init__(self, recipient: X25519PublicKey) -> None:
        single = X25519PrivateKey.generate()
        self.header = (
            MAGIC + recipient.public_bytes_raw() + single.public_key().public_bytes_raw()
        )
        self.key = _derive(single.exchange(recipient), self.header)

    def seal(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The header, then the encrypted blocks of the joined pieces."""
        cipher = ChaCha20Poly1305(self.key)
        yield self.header
        held, counter = bytearray(), 0
        for piece in pieces:
            held += piece
            # One block is always held back: only the end of the stream tells which is the last.
            while len(held) > BLOCK_BYTES:
                yield cipher.encrypt(
                    _nonce(counter, last=False), bytes(held[:BLOCK_BYTES]), None
                )
                del held[:BLOCK_BYTES]
                counter += 1
        yield cipher.encrypt(_nonce(counter, last=True), bytes(held), None)


class Opened:
    """The plain bytes of an encrypted stream, as they are asked for. Each block is verified."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        """Begin behind the header; see `open_sealed`."""
        self._source, self._cipher = source, ChaCha20Poly1305(key)
        self._following = source.read(BLOCK_BYTES + _TAG_BYTES)
        self._held = b""
        self._counter = 0
        self._ended = False

    def read(self, count: int) -> bytes:
        """The next bytes; fewer only at the end.

        Raises:
            IntegrityError: the stream was changed, cut off, or continued by something else.
        """
        parts = []
        while count > 0 and (self._held or not self._ended):
            if not self._held:
                self._held = self._next_block()
            parts.append(self._held[:count])
            self._held = self._held[len(parts[-1]) :]
            count -= len(parts[-1])
        return b"".join(parts)

    def _next_block(self) -> bytes:
        block, self._following = self._following, self._source.read(BLOCK_BYTES + _TAG_BYTES)
        self._ended = not self._following
        try:
            plain = self._cipher.decrypt(_nonce(self._counter, last=self._ended), block, None)
        except (InvalidTag, ValueError) as error:
            raise IntegrityError(
                f"the backup was changed or cut off in its block {self._counter}",
                hint="Take another copy of it.",
            ) from error
        if self._ended and not plain and self._counter:
            raise IntegrityError("the backup ends with a block that nothing is in")
        self._counter += 1
        return plain


def open_sealed(source: BinaryIO, private: X25519PrivateKey) -> Opened:
    """Read the header and find the key of the stream.

    Raises:
        IntegrityError: no backup of a version that is known, or made for another key.
    """
    header = source.read(HEADER_BYTES)
    if header[: len(MAGIC)] != MAGIC or len(header) != HEADER_BYTES:
        raise IntegrityError(
            "this is no backup that this version reads",
            hint="Check the path. If it is a newer backup, update sfta-edge.",
        )
    recipient = header[len(MAGIC) : len(MAGIC) + _KEY_BYTES]
    if recipient != private.public_key().public_bytes_raw():
        raise IntegrityError(
            "the backup was made for another key", hint="Use the private key of that time."
        )
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(header[-_KEY_BYTES:]))
    except ValueError as error:
        raise IntegrityError("the header of the backup was changed") from error
    return Opened(source, _derive(shared, header))


def _derive(shared: bytes, header: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=header, info=_INFO).derive(shared)


def _nonce(counter: int, *, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + bytes([last])
