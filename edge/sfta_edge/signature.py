"""Ed25519 signatures over the exact bytes of a manifest.

The order is always: signature, then parse, then files. Nothing is used before it is trusted.
"""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    Manifest,
    sync_folder,
    verify_files,
    write_durably,
)

SIGNATURE_BYTES = 64
_MAX_KEY_BYTES = 64 << 10


def generate_key(private_path: Path, public_path: Path) -> str:
    """Make a key pair as PEM files, the private one readable by its owner only.

    Returns the fingerprint.

    Raises:
        ConfigError: a file is already there, or cannot be written. No key is overwritten.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if public_path.exists():
        raise ConfigError(f"{public_path} is already there", hint="Choose another name.")
    try:
        # The mode is set as the file is made: there is no moment in which others can read it.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(private_path, flags, 0o600), "wb") as stream:
            stream.write(private)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(private_path.parent)
        write_durably(public_path, public_pem(key.public_key()))
    except FileExistsError:
        raise ConfigError(
            f"{private_path} is already there", hint="Choose another name."
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot write the key: {error}") from error
    return fingerprint(key.public_key())


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a PEM private key; only unencrypted Ed25519 is accepted."""
    try:
        key = load_pem_private_key(_read_key(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"cannot read the private key {path}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is not an Ed25519 key", hint="Make one with `sfta keygen`.")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read a PEM public key; only Ed25519 is accepted."""
    raw = _read_key(path)
    if b"PRIVATE KEY" in raw:
        raise ConfigError(
            f"{path} holds a private key", hint="Only the public key belongs on a device."
        )
    try:
        key = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"cannot read the public key {path}: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path} is not an Ed25519 key", hint="Make one with `sfta keygen`.")
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The key as a PEM file."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, hex."""
    return raw_fingerprint(key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex())


def raw_fingerprint(raw: str) -> str:
    """The fingerprint of a raw public key, given in hex."""
    return hashlib.sha256(bytes.fromhex(raw)).hexdigest()


def sign(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Signature of the manifest's exact bytes; the same for the same bytes and key."""
    return key.sign(manifest)


def verify_manifest(raw: bytes, signature: bytes, key: Ed25519PublicKey) -> Manifest:
    """Signature first, then parse.

    Raises:
        IntegrityError: the signature does not match, or what it signs is no manifest in its
            one canonical spelling.
    """
    try:
        key.verify(signature, raw)
    except InvalidSignature as error:
        raise IntegrityError(
            "the signature does not match this public key",
            hint="Use the key of whoever made the bundle, or copy the bundle again.",
        ) from error
    manifest = Manifest.from_bytes(raw)
    if manifest.to_bytes() != raw:
        raise IntegrityError("the manifest is not in its canonical spelling")
    return manifest


def open_verified(root: Path, key: Ed25519PublicKey) -> Manifest:
    """Verify a folder: signature, then manifest, then every file.

    Raises:
        IntegrityError: no signed bundle, another key, or files that differ; each is named.
    """
    raw = read_limited(root / MANIFEST, MAX_MANIFEST_BYTES)
    manifest = verify_manifest(raw, read_limited(root / SIGNATURE, SIGNATURE_BYTES), key)
    verify_files(root, manifest)
    return manifest


def read_limited(path: Path, limit: int) -> bytes:
    """A whole file of a bundle, if it is a regular one and not longer than `limit` bytes."""
    try:
        if path.is_symlink() or not path.is_file():
            raise IntegrityError(f"not a signed bundle: there is no file {path.name} in it")
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise IntegrityError(f"cannot read {path}: {error}") from error
    if len(raw) > limit:
        raise IntegrityError(f"{path.name} is larger than {limit} bytes")
    return raw


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the key {path}: {error.strerror}",
            hint="Check the path, or make a key with `sfta keygen`.",
        ) from error
    if len(raw) > _MAX_KEY_BYTES:
        raise ConfigError(f"{path} is too large to be a key")
    return raw
