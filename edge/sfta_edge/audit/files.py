"""The files of the log: ``000001.jsonl`` and on, one record a line, the last one growing."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from sfta_edge.audit.record import Record
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import sync_folder, write_durably

_NAME = re.compile(r"[0-9]{6}\.jsonl")


def log_files(folder: Path) -> list[Path]:
    """The files in their order; others in the folder are not of the log."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def file_after(folder: Path) -> Path:
    """The name for the next file."""
    files = log_files(folder)
    return folder / f"{int(files[-1].stem) + 1 if files else 1:06}.jsonl"


def lines_of(path: Path) -> Iterator[bytes]:
    """Every line with its end; one without was not written whole."""
    with path.open("rb") as stream:
        yield from stream


def first_sequence(path: Path) -> int:
    """Number of the first record of a file; 0 if it has none that can be read."""
    with path.open("rb") as stream:
        line = stream.readline()
    try:
        return Record.from_line(line).sequence
    except IntegrityError:
        return 0


def newest_first(folder: Path, before: int | None) -> Iterator[Record]:
    """Records from the end on, or from the one before `before`; what is no record is left out."""
    for path in reversed(log_files(folder)):
        if before is not None and first_sequence(path) >= before:
            continue
        for line in reversed(list(lines_of(path))):
            try:
                record = Record.from_line(line)
            except IntegrityError:
                continue
            if before is None or record.sequence < before:
                yield record


def find_file(folder: Path, sequence: int) -> Path | None:
    """The file in which a record stands."""
    for path in reversed(log_files(folder)):
        if 0 < first_sequence(path) <= sequence:
            return path
    return None


def find_record(folder: Path, sequence: int) -> Record | None:
    """One record; None if there is none that can be read."""
    record = next(newest_first(folder, sequence + 1), None)
    return record if record is not None and record.sequence == sequence else None


def replace_record(path: Path, changed: Record) -> None:
    """Write a file anew with another line for one record, in one step that survives a crash."""
    start = f'"sequence":{changed.sequence},'.encode()
    content = bytearray()
    for line in lines_of(path):
        same = start in line and Record.from_line(line).sequence == changed.sequence
        content += changed.to_line() if same else line
    write_durably(path, bytes(content))
    path.chmod(0o600)


class GrowingFile:
    """The file that records are added to: whole groups or nothing."""

    def __init__(self, path: Path) -> None:
        """Open at the end, or make the file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self.path = path
        self._handle = os.open(path, flags, 0o600)
        self.size = os.fstat(self._handle).st_size
        sync_folder(path.parent)

    def add(self, records: Sequence[Record]) -> None:
        """Write records and wait until they are on disk.

        Raises:
            OSError: they are not; the file is as it was before.
        """
        block = b"".join(record.to_line() for record in records)
        try:
            view = memoryview(block)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError:
            self.cut(self.size)
            raise
        self.size += len(block)

    def cut(self, size: int) -> None:
        """Take back what was written after `size` bytes, as far as the disk lets us."""
        with suppress(OSError):
            os.ftruncate(self._handle, size)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
