"""Where a log stands when it is opened: after a clean end, a crash, or somebody's hand."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.audit.chain import BEGIN
from sfta_edge.audit.files import lines_of, log_files
from sfta_edge.audit.head import HEAD, Head, read_head
from sfta_edge.audit.record import START, Record
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import sync_folder, write_durably


@dataclass(frozen=True, slots=True)
class Torn:
    """The end of a file that was not written whole: never acknowledged, and kept aside."""

    path: Path
    offset: int
    content: bytes

    def move_aside(self) -> dict[str, object]:
        """Keep the bytes in a file of their own, cut them off, and say so."""
        digest = hashlib.sha256(self.content).hexdigest()
        kept = self.path.with_name(f"{self.path.stem}-{digest[:16]}.torn")
        write_durably(kept, self.content)
        with self.path.open("r+b") as stream:
            stream.truncate(self.offset)
        sync_folder(self.path.parent)
        return {"file": kept.name, "bytes": len(self.content), "sha256": digest}


@dataclass(frozen=True, slots=True)
class Standing:
    """From where the log goes on."""

    sequence: int = 0
    digest: str = START
    path: Path | None = None
    """The file that grows; None: begin another. A damaged one is left as it was found."""
    last: Record | None = None
    torn: Torn | None = None
    damage: str = ""


@dataclass(frozen=True, slots=True)
class _Tail:
    """What the end of the log holds, as far as it is sound."""

    path: Path
    """The last file."""
    records: tuple[Record, ...]
    rest: int
    """Where its sound part ends."""


def standing(folder: Path, key: Ed25519PublicKey, witness: Path | None) -> Standing:
    """Find the end of the log.

    A log may be longer than its head by what a crash left unacknowledged; that is taken if it
    is signed. If it is shorter, or its head is gone, it is damaged: it then goes on after the
    head, so that the gap shows for ever.
    """
    try:
        heads = [read_head(path, key) for path in (folder / HEAD, witness) if path is not None]
        # The witness follows the head with a distance: what was cut off between shows only so.
        damage = "the head of the log is gone" if heads[0] is None and any(heads) else ""
    except IntegrityError as error:
        heads, damage = [], str(error)
    head = max((head for head in heads if head), key=lambda head: head.sequence, default=None)
    tail = _tail(folder, key)
    if tail is None:
        return _without_files(head, damage)
    last = tail.records[-1] if tail.records else None
    damage = damage or _damage(tail, head)
    place = (last.sequence, last.digest) if last else (0, START)
    if not damage:
        content = _after(tail)
        torn = Torn(tail.path, tail.rest, content) if content else None
        return Standing(*place, tail.path, last, torn)
    if head is not None and head.sequence >= place[0]:
        place = (head.sequence, head.digest)
    return Standing(*place, damage=damage)


def _without_files(head: Head | None, damage: str) -> Standing:
    if head is None and not damage:
        return Standing()
    place = (head.sequence, head.digest) if head else (0, START)
    return Standing(*place, damage=damage or "the files of the log are gone")


def _damage(tail: _Tail, head: Head | None) -> str:
    if not tail.records:
        # Of the very first write only half may be there.
        first_write = head is None and b"\n" not in _after(tail)
        return "" if first_write else "the last file holds no sound record"
    first, last = tail.records[0], tail.records[-1]
    if head is None:
        # The head is written after the first record: a crash may come between.
        return "" if last.kind == BEGIN else "the head of the log is gone"
    if last.sequence < head.sequence:
        return f"the log ends at record {last.sequence}, its head says {head.sequence}"
    known = {record.sequence: record.digest for record in tail.records}
    known[first.sequence - 1] = first.previous
    return "" if known.get(head.sequence) == head.digest else "the log is not that of its head"


def _tail(folder: Path, key: Ed25519PublicKey) -> _Tail | None:
    files = log_files(folder)
    if not files:
        return None
    tail = _read(files[-1], key)
    if tail.records or len(files) == 1:
        return tail
    # A crash at the first write to a new file: the log ends with the one before.
    before = _read(files[-2], key)
    whole = before.rest == before.path.stat().st_size
    return replace(before, path=files[-1], rest=0) if whole else before


def _read(path: Path, key: Ed25519PublicKey) -> _Tail:
    records: list[Record] = []
    offset = 0
    for line in lines_of(path):
        try:
            record = Record.from_line(line)
            record.verify(key)
        except IntegrityError:
            break
        if records and not _continues(record, records[-1]):
            break
        records.append(record)
        offset += len(line)
    return _Tail(path, tuple(records), offset)


def _continues(record: Record, before: Record) -> bool:
    return record.sequence == before.sequence + 1 and record.previous == before.digest


def _after(tail: _Tail) -> bytes:
    with tail.path.open("rb") as stream:
        stream.seek(tail.rest)
        return stream.read()
