"""Which keys may sign bundles for this device, and how that changes when a key is lost.

A trust file lists the signing keys and is signed itself by root keys, which are kept in a safe
and used for nothing else. A new one replaces it if its version is higher, if as many root keys of
the old file as that file demands have signed it, and as many of its own (The Update Framework 1.0,
5.3). So a stolen signing key is revoked without touching a device by hand, and a stolen root key
alone changes nothing where two are demanded.

Without a trust file a device knows the keys it was given with ``--key``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import canonical_json, write_durably
from sfta_edge.signature import fingerprint, read_limited

SCHEMA = "sfta.trust/1"
TRUST_FILE = "trust.json"
MOST_BYTES = 512 << 10
_MOST_KEYS = 64
_KEY = re.compile("[0-9a-f]{64}")

Use = Literal["release", "development"]


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """What root keys have signed."""

    version: int
    threshold: int
    """Root keys that have to sign the next file."""
    root_keys: tuple[str, ...]
    """Raw public keys, hex."""
    signing_keys: Mapping[str, Use]
    """Raw public keys, hex, that may sign bundles, and for which devices."""
    revoked: tuple[str, ...] = ()
    """Fingerprints of keys that no longer count, whatever else lists them."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Hex, by fingerprint of the root key."""

    def __post_init__(self) -> None:
        keys = (*self.root_keys, *self.signing_keys)
        numbers: list[Any] = [self.version, self.threshold]  # of parsed JSON, perhaps
        sound = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in numbers)
        if not sound or len(set(self.root_keys)) != len(self.root_keys):
            raise IntegrityError("the trust file has no usable version, threshold or root keys")
        if self.threshold > len(self.root_keys) or len(keys) > _MOST_KEYS:
            raise IntegrityError("the trust file demands more root keys than it lists")
        if not set(self.signing_keys.values()) <= {"release", "development"}:
            raise IntegrityError("the trust file lists a key for an unknown use")
        for key in keys:
            _public(key)

    def signed_bytes(self) -> bytes:
        """What the signatures cover."""
        facts = asdict(self)
        del facts["signatures"]
        return canonical_json({"schema": SCHEMA, **facts})

    def to_bytes(self) -> bytes:
        """The file."""
        return canonical_json({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Parse a file; nothing is verified.

        Raises:
            IntegrityError: it is none.
        """
        try:
            facts = json.loads(raw)
            if facts.pop("schema") != SCHEMA:
                raise IntegrityError("the trust file is of an unknown schema")
            for name in ("root_keys", "revoked"):
                facts[name] = tuple(facts[name])
            found = cls(**facts)
            if found.to_bytes() != raw:
                raise IntegrityError("the trust file is not in its canonical spelling")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"the trust file is not readable: {error}") from error
        return found

    @classmethod
    def read(cls, path: Path) -> Self:
        """Parse a file of at most 512 KiB.

        Raises:
            IntegrityError: it is none.
        """
        return cls.from_bytes(read_limited(path, MOST_BYTES))

    def signed_by(self, key: Ed25519PrivateKey) -> "TrustRoot":
        """The same with one more signature, of one of its root keys or of those before."""
        name = fingerprint(key.public_key())
        signature = key.sign(self.signed_bytes()).hex()
        return replace(self, signatures={**self.signatures, name: signature})

    def count(self, keys: Iterable[str]) -> int:
        """How many of these root keys have signed, each counted once."""
        return sum(self._is_signed(key) for key in set(keys))

    def require(self, signer: Ed25519PublicKey, *, development: bool) -> None:
        """Refuse a bundle's key that does not count.

        Raises:
            IntegrityError: not listed, revoked, or for development while this device is not.
        """
        name = fingerprint(signer)
        if name in self.revoked:
            raise IntegrityError(
                f"the key {name[:16]} was revoked", hint="Ask for a bundle with the new key."
            )
        use = self.signing_keys.get(raw_key(signer))
        if use is None:
            raise IntegrityError(
                f"the key {name[:16]} is not in the trust file",
                hint="Bring the newer trust file: sfta-edge trust FILE.",
            )
        if use == "development" and not development:
            raise IntegrityError(
                f"the key {name[:16]} is for development, and this device is in production",
                hint="Ask for a bundle that is signed for release.",
            )

    def _is_signed(self, key: str) -> bool:
        public = _public(key)
        name = fingerprint(public)
        signature = self.signatures.get(name)
        if not isinstance(signature, str) or name in self.revoked:
            return False
        try:
            public.verify(bytes.fromhex(signature), self.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


def current_trust(root: Path) -> TrustRoot | None:
    """The trust file of an installation; None if it has none."""
    path = root / TRUST_FILE
    return TrustRoot.read(path) if path.exists() else None


def adopt(root: Path, new: TrustRoot) -> None:
    """Make a trust file the one that counts here.

    Raises:
        IntegrityError: it is older, or too few root keys have signed it.
    """
    current = current_trust(root)
    if current == new:
        return
    _require_signed(new, new.root_keys, new.threshold, "its own")
    if current is not None:
        if new.version <= current.version:
            raise IntegrityError(
                f"trust file {new.version} is not newer than {current.version}, which is here"
            )
        _require_signed(new, current.root_keys, current.threshold, "the present")
    root.mkdir(parents=True, exist_ok=True)
    write_durably(root / TRUST_FILE, new.to_bytes())


def require_trusted(root: Path, key: Ed25519PublicKey, *, development: bool = False) -> None:
    """Refuse a bundle's key that the trust file does not allow; without one, any given key counts.

    Raises:
        IntegrityError: as `TrustRoot.require`.
    """
    trust = current_trust(root)
    if trust is not None:
        trust.require(key, development=development)


def raw_key(key: Ed25519PublicKey) -> str:
    """A public key as the trust file spells it."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def make_trust(**facts: Any) -> TrustRoot:
    """A trust file without signatures.

    Raises:
        ConfigError: the facts contradict each other.
    """
    try:
        return TrustRoot(**facts)
    except IntegrityError as error:
        raise ConfigError(str(error)) from error


def _require_signed(new: TrustRoot, keys: Iterable[str], threshold: int, whose: str) -> None:
    found = new.count(keys)
    if found < threshold:
        raise IntegrityError(
            f"{found} of {whose} root keys have signed the trust file; {threshold} have to",
            hint="Have it signed by the other holders: sfta trust sign.",
        )


def _public(raw: object) -> Ed25519PublicKey:
    if not isinstance(raw, str) or not _KEY.fullmatch(raw):
        raise IntegrityError("the trust file lists something that is no key")
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw))
