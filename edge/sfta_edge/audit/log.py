"""The audit log, open for writing: one writer, and a thread that puts records on the disk.

Several records that wait are written as one group, with one wait for the disk. What happens
when the log cannot be written is a decision of whoever opens it, see docs/decisions/0045.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from sfta_edge.audit.chain import DROP, REDACT, Verdict
from sfta_edge.audit.clock import clock_facts
from sfta_edge.audit.export import covered, dropped_records, export_lines, write_export
from sfta_edge.audit.files import find_record, newest_first
from sfta_edge.audit.record import Record
from sfta_edge.audit.replay import Replay, Replayer, replay
from sfta_edge.audit.verification import verify_log
from sfta_edge.audit.writer import FILE_BYTES, Writer
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.lock import DataLock
from sfta_edge.signature import generate_key, load_private_key

Unwritable = Literal["answer", "refuse"]
PATIENCE_SECONDS = 2.0
"""An answer does not wait longer than this for a slow disk."""
_KEPT = 1000  # records in memory until the disk takes them: about as many megabytes at most
LOST = "lost"
"""Records that the disk did not take and that memory had no room for: how many, and why."""


class AuditError(SftaError):
    """The log cannot be written, and nothing may go on without it."""


class UnknownRecordError(ConfigError):
    """There is no record with this id."""


@dataclass(slots=True)
class _Entry:
    """Something that happened, on its way to the disk."""

    kind: str
    facts: Mapping[str, Any]
    time: Mapping[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    sequence: int | None = None
    trouble: str = ""


class Audit:
    """The log of a device; threads may share it. `close` puts everything on the disk."""

    def __init__(
        self,
        folder: Path,
        key: Path,
        *,
        witness: Path | None = None,
        unwritable: Unwritable = "answer",
        file_bytes: int = FILE_BYTES,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], Mapping[str, Any]] = clock_facts,
    ) -> None:
        """Open the log, or begin one.

        Args:
            folder: of the log files.
            key: Ed25519 key that signs, made if it is not there; its public part lies beside it.
            witness: a second head, outside of what a backup holds.
            unwritable: with ``answer`` records wait in memory while the disk takes none, are
                counted where there are too many, and `health` says so; with ``refuse``
                `append` raises.
            file_bytes: a file that is longer is followed by another.
            patience: longest wait of `append`, in seconds.
            clock: what a record says about the time.

        Raises:
            ConfigError: another process writes this log, or the key is none.
            AuditError: the disk takes nothing, and nothing may go on without its record.
        """
        self.folder, self.key, self.witness = folder, key, witness
        self._unwritable, self._patience, self._clock = unwritable, patience, clock
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._kept: list[_Entry] = []
        self._lost = 0
        self._trouble = ""
        self._writing = threading.RLock()
        self._closed = False
        self._verdict: Verdict | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = DataLock(folder, "audit").acquire()
        try:
            self._writer = Writer(
                folder, self._load_key(), witness=witness, file_bytes=file_bytes, clock=clock
            )
        except BaseException:
            self._lock.release()
            raise
        self._trouble = self._writer.trouble
        if self._trouble and unwritable == "refuse":
            self._writer.close()
            self._lock.release()
            raise AuditError(f"the audit log cannot be opened: {self._trouble}")
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def append(self, kind: str, facts: Mapping[str, Any]) -> int | None:
        """Record what happened and wait until it is on the disk.

        Returns its id; None if it waits in memory, because the disk is full or slow.

        Raises:
            AuditError: the same, where nothing may go on without its record.
        """
        entry = _Entry(kind, facts, self._clock())
        if self._closed:
            raise AuditError("the audit log is closed")
        self._entries.put(entry)
        if not entry.done.wait(self._patience):
            entry.trouble = f"the disk took no record for {self._patience:g} seconds"
        if entry.sequence is None and self._unwritable == "refuse":
            raise AuditError(
                f"this cannot be recorded: {entry.trouble}", hint="Make room on the disk."
            )
        return entry.sequence

    def records(self, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """The newest records, or those before an id, newest first."""
        found = newest_first(self.folder, before)
        return [record.to_json() for record, _ in zip(found, range(limit), strict=False)]

    def record(self, identity: int) -> dict[str, Any]:
        """One record.

        Raises:
            UnknownRecordError: there is none of this id.
        """
        return self._find(identity).to_json()

    def verify(self) -> Verdict:
        """Follow the whole chain on the disk; see `verification.verify_log`."""
        self._verdict = verify_log(self.folder, self.public_key, witness=self.witness)
        return self._verdict

    @property
    def intact(self) -> bool | None:
        """What the last `verify` found; None if there was none: it takes a minute for 100,000."""
        return self._verdict.intact if self._verdict else None

    @property
    def public_key(self) -> Ed25519PublicKey:
        """Verifies the log, here and elsewhere."""
        return self._writer.key.public_key()

    def health(self) -> dict[str, Any]:
        """Whether the disk takes records, how many wait in memory, how many were lost."""
        trouble = self._trouble or self._writer.witness_trouble
        return {
            "writable": not self._trouble,
            "trouble": trouble,
            "waiting": len(self._kept),
            "lost": self._lost,
        }

    def redact(self, identity: int, reason: str, by: str) -> None:
        """Take the personal fields out of a record; that is itself a record.

        Raises:
            UnknownRecordError: there is none of this id.
            ConfigError: no reason is given.
            AuditError: the log cannot be written.
        """
        if not reason.strip():
            raise ConfigError("a redaction needs a reason")
        with self._writing:
            fields = sorted(self._find(identity).private)
            facts = {"of": identity, "fields": fields, "reason": reason, "user": by}
            self._write_and_do(REDACT, facts)

    def drop(self, export: Iterable[bytes], by: str) -> int:
        """Remove whole files whose records stand in an export; returns how many records.

        The file that grows is kept, and a record says up to where the log was dropped.

        Raises:
            IntegrityError: the export is damaged, or is not one of this log.
            AuditError: the log cannot be written.
        """
        with self._writing:
            through, digest = covered(export, self.folder, self.public_key)
            if through == 0:
                return 0
            dropped = dropped_records(self.folder, through)
            facts = {"through": through, "digest": digest, "records": dropped, "user": by}
            self._write_and_do(DROP, facts)
            return dropped

    def export(self, stream: BinaryIO) -> int:
        """Write the log as JSON lines that can be verified alone; returns how many records."""
        with self._writing:
            return write_export(self.folder, self.public_key, stream)

    def export_lines(self) -> Iterable[bytes]:
        """The same line by line, for whoever writes it elsewhere."""
        return export_lines(self.folder, self.public_key)

    def replay(self, identity: int, replayer: Replayer) -> Replay:
        """Ask the question of a record again and compare; see `replay.replay`.

        Raises:
            UnknownRecordError: there is none of this id.
            ConfigError: it is no answer, or its question was taken out.
        """
        return replay(self.record(identity), replayer)

    def close(self) -> None:
        """Write what waits, and let go; more than once is fine."""
        if not self._closed:
            self._closed = True
            self._entries.put(None)
            self._thread.join()
            self._writer.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load_key(self) -> Ed25519PrivateKey:
        if not self.key.exists():
            self.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            generate_key(self.key, self.key.with_suffix(".pub"))
        return load_private_key(self.key)

    def _find(self, identity: int) -> Record:
        record = find_record(self.folder, identity)
        if record is None:
            raise UnknownRecordError(f"the audit log has no record {identity}")
        return record

    def _run(self) -> None:
        """The thread: takes all that waits, writes it as one group, lets the callers go."""
        for batch in self._batches():
            with self._writing:
                self._commit(batch)
            for entry in batch:
                entry.done.set()
        if self._kept:
            self._commit([])

    def _batches(self) -> Iterator[list[_Entry]]:
        while (entry := self._entries.get()) is not None:
            batch: list[_Entry] = [entry]
            while not self._entries.empty():
                if (following := self._entries.get()) is None:
                    self._entries.put(None)
                    break
                batch.append(following)
            yield batch

    def _commit(self, batch: list[_Entry]) -> None:
        entries = [*self._kept, *batch]
        notes = [(entry.kind, entry.time, entry.facts) for entry in entries]
        if self._lost:
            notes.append((LOST, self._clock(), {"count": self._lost, "why": self._trouble}))
        try:
            written = self._writer.write(notes)
        except OSError as error:
            self._trouble = error.strerror or str(error)
            for entry in batch:
                entry.trouble = self._trouble
            keep = entries if self._unwritable == "answer" else []
            self._lost += len(keep[_KEPT:])
            self._kept = keep[:_KEPT]
            return
        for entry, record in zip(entries, written, strict=False):
            entry.sequence = record.sequence
        self._kept, self._lost, self._trouble = [], 0, ""

    def _write_and_do(self, kind: str, facts: Mapping[str, Any]) -> None:
        """A record of its own group, because something follows that a crash may cut off."""
        try:
            self._writer.carry_out(self._writer.write([(kind, self._clock(), facts)])[0])
        except OSError as error:
            raise AuditError(f"this cannot be recorded: {error.strerror or error}") from error
