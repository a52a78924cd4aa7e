"""One file for a bundle: a plain ustar archive, written and read in exactly one way.

A signed manifest decides every byte of its archive: the manifest, its signature, then the
files in the manifest's order, each behind the one header that `header` makes. Reading is
therefore comparing: a link, a device, an absolute path, a repeated name or trailing data is
not parsed and judged but simply differs. Only the first two headers are read before there is
a manifest to compare with, and of these only the size.

Any ``tar`` program can unpack the archive (POSIX.1-1988 ustar, GNU base-256 for large sizes).
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    FileEntry,
    Manifest,
)
from sfta_edge.signature import SIGNATURE_BYTES, verify_manifest

BLOCK = 512
_COPY_BYTES = 1 << 20
_OCTAL_LIMIT = 8**11
_END = bytes(2 * BLOCK)

Write = Callable[[bytes], object]
Sink = Callable[[FileEntry], Write]
Adopt = Callable[[FileEntry], bool]
"""Takes a file from elsewhere on this machine, if it is there."""


def nothing_adopted(_entry: FileEntry) -> bool:
    """Every file has to be in the archive."""
    return False


def header(name: str, size: int) -> bytes:
    """The header block of a regular file, mode 0644 (0755 for ``.sh``), time and owner 0.

    Raises:
        ConfigError: the name is too long for the format.
    """
    prefix, short = _split_name(name)
    mode = b"0000755\0" if name.endswith(".sh") else b"0000644\0"
    block = bytearray(BLOCK)
    block[0:100] = short.ljust(100, b"\0")
    block[100:124] = mode + b"0000000\0" * 2
    block[124:136] = _size_field(size)
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[345:500] = prefix.ljust(155, b"\0")
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def write_archive(
    root: Path, manifest: Manifest, target: Path, *, without: frozenset[str] = frozenset()
) -> None:
    """Write the archive of a signed folder; the same folder gives the same bytes.

    `without` names files by SHA-256 that are left out: the archive is then an update for devices
    that have them. The signed manifest is the same.

    Raises:
        IntegrityError: a file is not what the manifest says.
    """
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as out:
            for name in (MANIFEST, SIGNATURE):
                content = (root / name).read_bytes()
                out.write(header(name, len(content)) + content + _padding(len(content)))
            for entry in sorted(manifest.files):
                if entry.sha256 in without:
                    continue
                out.write(header(entry.path, entry.size))
                with (root / entry.path).open("rb") as source:
                    copy_entry(source, entry, out.write)
                out.write(_padding(entry.size))
            out.write(_END)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def read_manifest(stream: BinaryIO, key: Ed25519PublicKey) -> tuple[Manifest, bytes, bytes]:
    """Read and verify what comes first; returns the manifest, its bytes and the signature.

    Raises:
        IntegrityError: no bundle, or signed with another key.
    """
    raw = _read_first(stream, MANIFEST, MAX_MANIFEST_BYTES)
    signature = _read_first(stream, SIGNATURE, SIGNATURE_BYTES)
    return verify_manifest(raw, signature, key), raw, signature


def read_files(
    stream: BinaryIO, manifest: Manifest, sink: Sink, adopt: Adopt = nothing_adopted
) -> None:
    """Stream every file of a verified manifest into ``sink(entry)``, hashing as it is written.

    What `adopt` takes from elsewhere is not read, and need not be in the archive.

    Raises:
        IntegrityError: names the first member that is not the one the manifest demands.
    """
    following: bytes | None = None
    for entry in sorted(manifest.files):
        if following is None:
            following = _read_exactly(stream, BLOCK, f"before {entry.path}")
        here, adopted = following == header(entry.path, entry.size), adopt(entry)
        if not here and not adopted:
            raise IntegrityError(
                f"the archive should hold {entry.path} ({entry.size} bytes) here, "
                f"not {_describe(following)}",
                hint="Copy the bundle again from a source you trust; an update for another "
                "version does not hold all that this device lacks.",
            )
        if here:
            copy_entry(stream, entry, len if adopted else sink(entry))
            _read_padding(stream, entry)
            following = None
    end = (following or b"") + _read_exactly(
        stream, len(_END) - len(following or b""), "at its end"
    )
    if end != _END:
        raise IntegrityError("the archive holds files that its manifest does not list")
    if stream.read(1):
        raise IntegrityError("the archive has data after its end")


@contextmanager
def writing_below(root: Path) -> Iterator[Sink]:
    """A sink that creates each file below `root`, durably, and never follows a link."""
    handles: list[int] = []

    def finish() -> None:
        while handles:
            handle = handles.pop()
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def sink(entry: FileEntry) -> Write:
        finish()
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        handle = os.open(path, flags, 0o644)
        handles.append(handle)
        return lambda block: _write_all(handle, block)

    try:
        yield sink
    finally:
        finish()


def copy_entry(source: BinaryIO, entry: FileEntry, write: Write) -> None:
    """Copy exactly one file's bytes and compare them with its entry.

    Raises:
        IntegrityError: fewer bytes, or others, than the manifest says.
    """
    sha256, left = hashlib.sha256(), entry.size
    while left:
        block = source.read(min(left, _COPY_BYTES))
        if not block:
            raise IntegrityError(f"{entry.path} ends {left} bytes too early")
        sha256.update(block)
        write(block)
        left -= len(block)
    if sha256.hexdigest() != entry.sha256:
        raise IntegrityError(f"changed: {entry.path}")


def _read_first(stream: BinaryIO, name: str, limit: int) -> bytes:
    found = _read_exactly(stream, BLOCK, f"before {name}")
    size = _parse_size(found[124:136])
    if size is None or found != header(name, size):
        raise IntegrityError(f"not a bundle: it should begin with {name}")
    if size > limit:
        raise IntegrityError(f"{name} is larger than {limit} bytes")
    content = _read_exactly(stream, size, f"in {name}")
    if any(_read_exactly(stream, -size % BLOCK, f"after {name}")):
        raise IntegrityError(f"the archive hides data after {name}")
    return content


def _read_padding(stream: BinaryIO, entry: FileEntry) -> None:
    if any(_read_exactly(stream, -entry.size % BLOCK, f"after {entry.path}")):
        raise IntegrityError(f"the archive hides data after {entry.path}")


def _read_exactly(stream: BinaryIO, count: int, place: str) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise IntegrityError(f"the archive is cut off {place}")
    return content


def _write_all(handle: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(handle, view) :]


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _size_field(size: int) -> bytes:
    return b"%011o\0" % size if size < _OCTAL_LIMIT else b"\x80" + size.to_bytes(11, "big")


def _parse_size(raw: bytes) -> int | None:
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    digits = raw[:11]
    return int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else None


def _split_name(name: str) -> tuple[bytes, bytes]:
    raw = name.encode()
    if len(raw) <= 100:
        return b"", raw
    for at, byte in enumerate(raw[:156]):
        if byte == ord("/") and len(raw) - at - 1 <= 100:
            return raw[:at], raw[at + 1 :]
    raise ConfigError(f"the name {name} is too long for an archive")


def _describe(block: bytes) -> str:
    """A header that was refused, in words for a person."""
    kinds = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device"}
    kinds |= {b"5": "a folder", b"6": "a pipe", b"x": "an extension", b"g": "an extension"}
    if not any(block):
        return "the end"
    parts = [block[345:500], block[:100]] if block[257:262] == b"ustar" else [block[:100]]
    name = "/".join(part.rstrip(b"\0").decode("utf-8", "replace") for part in parts if part[0])
    return f"{kinds.get(block[156:157], 'the file')} {name!r}"
