"""Following the chain of records from the first to the last, whatever they are read from."""

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.audit.head import Head
from sfta_edge.audit.record import START, Record
from sfta_edge.errors import IntegrityError

BEGIN = "begin"
"""The first record of all: which key signs."""
REDACT = "redact"
"""Personal fields of another record were taken out: of which, by whom, why."""
DROP = "drop"
"""The records up to one were exported and their files removed."""
DAMAGE = "damage"
"""The log was found broken when it was opened, and continued."""
RESTORE = "restore"
"""The data were restored from a backup: the records after it are not in this log."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found."""

    intact: bool
    records: int
    """How many records hold, from the first that is kept."""
    first_bad: int | None = None
    """Sequence of the first record that does not."""
    why: str = ""
    last: int = 0
    """Sequence of the last record that holds."""

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API."""
        facts: dict[str, Any] = {"intact": self.intact, "records": self.records}
        return {**facts, "first_bad": self.first_bad, "why": self.why}


@dataclass(slots=True)
class Walk:
    """Takes line by line; then `verdict` says whether they are the log that was written."""

    key: Ed25519PublicKey
    count: int = 0
    last: int = 0
    digest: str = START
    problems: list[tuple[int, str]] = field(default_factory=list)
    _broken: bool = False
    _start: tuple[int, str] | None = None
    _gone: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    _redactions: dict[int, set[str]] = field(default_factory=dict)
    _drops: set[tuple[int, str]] = field(default_factory=set)
    _digests: dict[int, str] = field(default_factory=dict)

    def follow(self, line: bytes) -> bool:
        """Take the next line; False: the chain ends before it, and nothing after it counts."""
        try:
            record = Record.from_line(line)
            self._check_place(record)
            record.verify(self.key)
        except IntegrityError as error:
            self.problems.append((self.last + 1, str(error)))
            self._broken = True
            return False
        self._note(record)
        self.count, self.last, self.digest = self.count + 1, record.sequence, record.digest
        return True

    def watch(self, *heads: Head | None) -> None:
        """Before the first line: remember the digest at these heads, to compare in `verdict`."""
        self._digests = {head.sequence: "" for head in heads if head is not None}

    def verdict(self, *heads: Head | None) -> Verdict:
        """All that was found, after the last line.

        Args:
            heads: each names a record that must be there.
        """
        problems = list(self.problems)
        if not self._broken:
            problems += self._unexplained()
            for head in heads:
                problems += self._against(head)
        first = min(problems, default=None)
        if first is None:
            return Verdict(True, self.count, last=self.last)
        held = min(self.count, max(0, first[0] - 1 - (self._start or (0, ""))[0]))
        return Verdict(False, held, first[0], first[1], last=min(self.last, first[0] - 1))

    def _check_place(self, record: Record) -> None:
        if self._start is None:
            # Records before the first that is kept must have been dropped by a record.
            self._start = (record.sequence - 1, record.previous)
            self.last, self.digest = self._start
            return
        if record.sequence != self.last + 1 and not self._explains_gap(record):
            raise IntegrityError(
                f"record {self.last + 1} is missing: record {record.sequence} stands here"
            )
        if record.previous != self.digest:
            raise IntegrityError(f"record {record.sequence} does not continue the one before")

    def _explains_gap(self, record: Record) -> bool:
        return (
            record.kind == RESTORE
            and record.sequence > self.last
            and record.facts.get("missing") == [self.last + 1, record.sequence - 1]
        )

    def _note(self, record: Record) -> None:
        facts = record.facts
        if gone := frozenset(name for name, what in record.private.items() if what is None):
            self._gone.append((record.sequence, gone))
        if record.kind == REDACT:
            self._redactions.setdefault(facts["of"], set()).update(facts["fields"])
        elif record.kind == DROP:
            self._drops.add((facts["through"], facts["digest"]))
        elif record.kind == DAMAGE:
            self.problems.append((record.sequence, f"noted when opened: {facts['what']}"))
        if record.sequence in self._digests:
            self._digests[record.sequence] = record.digest

    def _unexplained(self) -> list[tuple[int, str]]:
        found = [
            (sequence, "personal fields were deleted without a redaction")
            for sequence, names in self._gone
            if not names <= self._redactions.get(sequence, set())
        ]
        if self._start not in (None, (0, START)) and self._start not in self._drops:
            found.append((1, f"the log begins with record {self._first}"))
        return found

    @property
    def _first(self) -> int:
        return (self._start or (0, ""))[0] + 1

    def _against(self, head: Head | None) -> list[tuple[int, str]]:
        if head is None:
            return []
        if head.sequence > self.last:
            return [(self.last + 1, f"records {self.last + 1} to {head.sequence} are missing")]
        digest = self._digests.get(head.sequence)
        if head.sequence >= self._first and digest not in (None, "", head.digest):
            return [(head.sequence, f"record {head.sequence} is not the one that was written")]
        return []
