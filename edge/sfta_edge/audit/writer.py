"""Puts records on the disk, in groups, and keeps the head in step. For one thread at a time."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfta_edge.audit.chain import BEGIN, DAMAGE, DROP, REDACT
from sfta_edge.audit.files import (
    GrowingFile,
    file_after,
    find_file,
    find_record,
    first_sequence,
    log_files,
    replace_record,
)
from sfta_edge.audit.head import HEAD, Head, write_head
from sfta_edge.audit.opening import standing
from sfta_edge.audit.record import START, Record
from sfta_edge.audit.verification import spell_key
from sfta_edge.manifest import sync_folder

FILE_BYTES = 8 << 20
TORN = "torn"
"""The end of a file was not written whole, and was moved aside."""
_WITNESS_EVERY = 64  # records: a second write to the disk for each would cost every answer

Note = tuple[str, Mapping[str, Any], Mapping[str, Any]]
"""Kind, time and facts of what is to be recorded."""


class Writer:
    """The end of the chain. After an `OSError` nothing was recorded, and it can be tried again."""

    def __init__(
        self,
        folder: Path,
        key: Ed25519PrivateKey,
        *,
        witness: Path | None,
        file_bytes: int,
        clock: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.key = key
        self.witness_trouble = ""
        self._folder, self._witness = folder, witness
        self._file_bytes, self._clock = file_bytes, clock
        self._file: GrowingFile | None = None
        self._sequence, self._digest, self._witnessed = 0, START, 0
        self._head: Head | None = None
        self._unfinished: Record | None = None
        self._stands = False
        self.trouble = ""
        """Why nothing could be written when the log was opened; the next write tries again."""
        try:
            self._stand()
        except OSError as error:
            self._let_go()
            self.trouble = error.strerror or str(error)
        except BaseException:
            self._let_go()
            raise

    def write(self, notes: Sequence[Note]) -> list[Record]:
        """Record several things as one group; they are on the disk when this returns.

        Raises:
            OSError: the disk takes nothing.
        """
        if not self._stands:
            self._stand()
        if self._unfinished is not None:
            self.carry_out(self._unfinished)
        return self._add(notes)

    def carry_out(self, record: Record) -> None:
        """Do what a record says was done; if it fails, again before anything else is written.

        Raises:
            OSError: the disk takes nothing.
        """
        self._unfinished = record
        if record.kind == REDACT:
            self._take_out(record.facts["of"])
        elif record.kind == DROP:
            self._remove_files(record.facts["through"])
        self._unfinished = None

    def close(self) -> None:
        """Let go of the file, and leave the witness up to date."""
        self._write_witness(every=1)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _stand(self) -> None:
        """Find the end of the log on the disk, and note what was not as it was left."""
        public = self.key.public_key()
        found = standing(self._folder, public, self._witness)
        self._sequence, self._digest = found.sequence, found.digest
        torn = found.torn.move_aside() if found.torn else None
        self._file = GrowingFile(found.path) if found.path else None
        notes: list[Note] = []
        if found.sequence == 0 and not found.damage:
            notes.append((BEGIN, self._clock(), {"key": spell_key(public)}))
        if torn is not None:
            notes.append((TORN, self._clock(), torn))
        if found.damage:
            notes.append((DAMAGE, self._clock(), {"what": found.damage}))
        self._stands = True
        # Before any other record: only the last record can be one that was not carried out.
        if found.last is not None:
            self.carry_out(found.last)
        if notes:
            self._add(notes)

    def _add(self, notes: Sequence[Note]) -> list[Record]:
        records: list[Record] = []
        place = (self._sequence, self._digest)
        for kind, time, facts in notes:
            record = Record.make((place[0] + 1, place[1]), kind, time, facts).signed(self.key)
            records.append(record)
            place = (record.sequence, record.digest)
        if not records:
            return records
        head = Head.of(records[-1], self.key)
        try:
            file = self._growing()
            size = file.size
            file.add(records)
            try:
                write_head(self._folder / HEAD, head)
            except OSError:
                file.cut(size)
                raise
        except OSError:
            self._let_go()
            raise
        (self._sequence, self._digest), self._head = place, head
        self._write_witness(every=_WITNESS_EVERY)
        return records

    def _growing(self) -> GrowingFile:
        if self._file is not None and self._file.size >= self._file_bytes:
            self._file.close()
            self._file = None
        if self._file is None:
            self._file = GrowingFile(file_after(self._folder))
        return self._file

    def _let_go(self) -> None:
        """The disk has the last word on what was written: look again before the next write."""
        self._stands = False
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_witness(self, every: int) -> None:
        behind = self._witnessed == 0 or self._sequence - self._witnessed >= every
        if self._witness is None or self._head is None or not behind:
            return
        try:
            write_head(self._witness, self._head)
            self._witnessed, self.witness_trouble = self._sequence, ""
        except OSError as error:
            self.witness_trouble = f"{self._witness}: {error.strerror or error}"

    def _take_out(self, sequence: int) -> None:
        path = find_file(self._folder, sequence)
        record = find_record(self._folder, sequence)
        if path is None or record is None:
            return  # dropped since then
        replace_record(path, record.without_private())
        if self._file is not None and self._file.path == path:
            self._file.close()
            self._file = GrowingFile(path)

    def _remove_files(self, through: int) -> None:
        files = log_files(self._folder)
        for path, following in pairwise(files):
            if first_sequence(following) > through + 1:
                break
            path.unlink()
        sync_folder(self._folder)
