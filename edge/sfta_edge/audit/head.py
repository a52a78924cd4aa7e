"""How far the log goes: a small signed file that is replaced after every write to the log."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from sfta_edge.audit.record import Record, spell
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import write_durably

HEAD = "head.json"
SCHEMA = "sfta.audit.head/1"
_DOMAIN = b"sfta.audit.head/1\0"
_MAX_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a log at some moment."""

    sequence: int
    digest: str
    signature: str = ""

    @classmethod
    def of(cls, record: Record, key: Ed25519PrivateKey) -> Self:
        """The head of a log that ends with this record."""
        signature = key.sign(_signed(record.sequence, record.digest))
        return cls(record.sequence, record.digest, signature.hex())

    def to_bytes(self) -> bytes:
        """The exact bytes of the file, and of the last line of an export."""
        facts = {"digest": self.digest, "schema": SCHEMA, "sequence": self.sequence}
        return spell({**facts, "signature": self.signature})

    @classmethod
    def from_bytes(cls, raw: bytes, key: Ed25519PublicKey) -> Self:
        """Read and verify a head.

        Raises:
            IntegrityError: no head, or not signed with this key.
        """
        try:
            data: dict[str, Any] = json.loads(raw)
            head = cls(data["sequence"], data["digest"], data["signature"])
            key.verify(bytes.fromhex(head.signature), _signed(head.sequence, head.digest))
            sound = head.to_bytes() == raw and set(head.signature) <= set("0123456789abcdef")
        except InvalidSignature as error:
            raise IntegrityError("the head of the audit log has no valid signature") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IntegrityError(f"this is no head of an audit log: {error}") from error
        if not sound or not isinstance(head.sequence, int):
            raise IntegrityError("the head of the audit log is not in its one spelling")
        return head


def read_head(path: Path, key: Ed25519PublicKey) -> Head | None:
    """The head in a file; None if there is no file.

    Raises:
        IntegrityError: something else is there.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IntegrityError(f"cannot read {path}: {error}") from error
    return Head.from_bytes(raw, key)


def write_head(path: Path, head: Head) -> None:
    """Replace the head in one durable step."""
    write_durably(path, head.to_bytes())


def _signed(sequence: int, digest: str) -> bytes:
    return _DOMAIN + spell([sequence, digest])
