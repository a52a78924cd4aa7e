"""One record of the audit log and its one spelling: a line of JSON in ASCII.

The digest covers everything but the personal fields, and of each of these a salted digest. So a
personal field can be taken out later, and every digest stays what it was.
"""

import hashlib
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from sfta_edge.errors import IntegrityError

PERSONAL = frozenset({"user", "question", "answer", "citations"})
"""Facts that speak of a person or repeat what a person wrote or read."""
START = "0" * 64
"""Stands where the first record names the one before."""
_DOMAIN = b"sfta.audit.record/1\0"
_SALT_BYTES = 16
_NAMES = {"facts", "kind", "previous", "private", "sealed", "sequence", "signature", "time"}


@dataclass(frozen=True, slots=True)
class Personal:
    """A personal field as long as it is there."""

    salt: str
    """Random hex: without it a digest of few possible values could be guessed."""
    value: Any

    def digest(self, name: str) -> str:
        """What stays when the field is taken out."""
        return hashlib.sha256(spell([name, self.salt, self.value])).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """Something that happened."""

    sequence: int
    """From 1, without gaps; also the record's id."""
    previous: str
    """Digest of the record before."""
    kind: str
    """``answer``, ``login``, ``redact``, ...; the log's own kinds are in `log`."""
    time: Mapping[str, Any]
    """Clock on the wall, clock since the boot, and which boot; see `clock`."""
    facts: Mapping[str, Any]
    sealed: Mapping[str, str]
    """Digest of each personal field, whether it is still there or not."""
    private: Mapping[str, Personal | None]
    """The personal fields; None: taken out."""
    signature: str = ""

    @property
    def digest(self) -> str:
        """Identity of the record: the next one holds it."""
        body = {
            "facts": self.facts,
            "kind": self.kind,
            "previous": self.previous,
            "sealed": self.sealed,
            "sequence": self.sequence,
            "time": self.time,
        }
        return hashlib.sha256(spell(body)).hexdigest()

    @property
    def redacted(self) -> bool:
        """Whether a personal field was taken out."""
        return None in self.private.values()

    @classmethod
    def make(
        cls,
        place: tuple[int, str],
        kind: str,
        time: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> Self:
        """A new record, not yet signed; `place` is its sequence and the digest before it."""
        known: dict[str, Any] = plain(facts)
        private = {
            name: Personal(secrets.token_hex(_SALT_BYTES), known[name])
            for name in sorted(PERSONAL & known.keys())
        }
        return cls(
            *place,
            kind=kind,
            time=plain(time),
            facts={name: what for name, what in known.items() if name not in PERSONAL},
            sealed={name: field.digest(name) for name, field in private.items()},
            private=private,
        )

    def signed(self, key: Ed25519PrivateKey) -> Self:
        """The same with its signature."""
        return replace(self, signature=key.sign(_DOMAIN + self.digest.encode()).hex())

    def without_private(self) -> Self:
        """The same with every personal field taken out; digest and signature still hold."""
        return replace(self, private=dict.fromkeys(self.private))

    def verify(self, key: Ed25519PublicKey) -> None:
        """Check the signature and every personal field that is there.

        Raises:
            IntegrityError: says what does not hold.
        """
        for name, field in self.private.items():
            if field is not None and field.digest(name) != self.sealed[name]:
                raise IntegrityError(f"the field {name} was changed")
        try:
            key.verify(bytes.fromhex(self.signature), _DOMAIN + self.digest.encode())
        except (InvalidSignature, ValueError) as error:
            raise IntegrityError("the signature does not hold") from error

    def to_line(self) -> bytes:
        """The record as it stands in a log file."""
        private = {
            name: None if field is None else {"salt": field.salt, "value": field.value}
            for name, field in self.private.items()
        }
        facts = {name: getattr(self, name) for name in _NAMES - {"private"}}
        return spell({**facts, "private": private}) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read a line of a log file; only the one spelling is taken.

        Raises:
            IntegrityError: no record.
        """
        try:
            data = json.loads(line)
            private = {
                name: None if field is None else Personal(**field)
                for name, field in data.pop("private").items()
            }
            record = cls(private=private, **data)
            sound = record.to_line() == line and _is_sound(record)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"this line is no record: {error}") from error
        if not sound:
            raise IntegrityError("this line is no record in its one spelling")
        return record

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API: the facts, personal ones that are still there among them."""
        there = {name: field.value for name, field in self.private.items() if field is not None}
        return {
            "id": self.sequence,
            "kind": self.kind,
            "time": dict(self.time),
            "redacted": self.redacted,
            **{name: what for name, what in self.facts.items() if name not in there},
            **there,
        }


def spell(value: object) -> bytes:
    """One value, one spelling, in ASCII: so text that is no valid Unicode can be recorded too."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def plain(value: Any) -> Any:
    """Any value as JSON. Never fails: what happened must not get lost for its form."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(what) for name, what in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    return str(value)


def _is_sound(record: Record) -> bool:
    """Values come from parsed JSON: their annotations are claims until this was asked."""
    sequence: Any = record.sequence
    return (
        isinstance(sequence, int)
        and not isinstance(sequence, bool)
        and sequence >= 1
        and all(isinstance(text, str) for text in (record.previous, record.kind))
        and all(isinstance(facts, dict) for facts in (record.time, record.facts, record.sealed))
        and record.private.keys() == record.sealed.keys()
        # bytes.fromhex takes capitals as well, and there is one spelling.
        and set(record.signature) <= set("0123456789abcdef")
    )
