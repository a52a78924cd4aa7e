"""Keys of backups: the device holds the public one, whoever restores the private one."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sfta_edge.errors import ConfigError
from sfta_edge.manifest import sync_folder, write_durably

PUBLIC_KEY = "keys/backup.pub"
"""Below the data folder."""
_MAX_BYTES = 64 << 10
_NEW = "Make one with `sfta-edge backup --new-key FILE`."


def new_key(private_path: Path, data: Path) -> Path:
    """Make a key pair: the private part for elsewhere, the public one for the device.

    Returns where the public part lies.

    Raises:
        ConfigError: a file is already there, the private key would lie among the data it opens,
            or a file cannot be written.
    """
    public_path = data / PUBLIC_KEY
    if private_path.absolute().resolve().is_relative_to(data.absolute().resolve()):
        raise ConfigError(
            f"{private_path} lies in the folder that is backed up",
            hint="Keep the private key away from the device: on a stick, in a safe.",
        )
    if public_path.exists():
        raise ConfigError(
            f"this device has a backup key already: {public_path}",
            hint="Remove it first if later backups shall have another key. Keep the old private "
            "key as long as its backups.",
        )
    key = X25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        _create(private_path, private)
        public_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(public_path, public_pem(key.public_key()))
    except FileExistsError:
        raise ConfigError(
            f"{private_path} is already there", hint="Choose another name."
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot write the key: {error}") from error
    return public_path


def load_public(path: Path) -> X25519PublicKey:
    """Read the key that backups are encrypted for.

    Raises:
        ConfigError: no such key.
    """
    raw = _read(path)
    if b"PRIVATE KEY" in raw:
        raise ConfigError(
            f"{path} holds a private key", hint="Only the public key belongs on a device."
        )
    try:
        key = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"cannot read the public key {path}: {error}") from error
    if not isinstance(key, X25519PublicKey):
        raise ConfigError(f"{path} is not a backup key", hint=_NEW)
    return key


def load_private(path: Path) -> X25519PrivateKey:
    """Read the key that opens backups.

    Raises:
        ConfigError: no such key.
    """
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"cannot read the private key {path}: {error}") from error
    if not isinstance(key, X25519PrivateKey):
        raise ConfigError(f"{path} is not a backup key", hint=_NEW)
    return key


def public_pem(key: X25519PublicKey) -> bytes:
    """The key as a PEM file."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _create(path: Path, content: bytes) -> None:
    # The mode is set as the file is made: there is no moment in which others can read it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(path.absolute().parent)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the key {path}: {error.strerror}", hint=_NEW) from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{path} is too large to be a key")
    return raw
