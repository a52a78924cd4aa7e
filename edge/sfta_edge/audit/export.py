"""The log on its way out: one file of JSON lines that can be verified without the device."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.audit.files import first_sequence, lines_of, log_files
from sfta_edge.audit.head import HEAD, read_head
from sfta_edge.audit.record import Record, spell
from sfta_edge.audit.verification import export_header, verify_export
from sfta_edge.errors import IntegrityError


def export_lines(folder: Path, key: Ed25519PublicKey) -> Iterable[bytes]:
    """The key that signed, every record, and the head; a damaged log is exported as it is."""
    try:
        head = read_head(folder / HEAD, key)
    except IntegrityError:
        head = None
    yield export_header(key)
    for path in log_files(folder):
        yield from (line for line in lines_of(path) if line.endswith(b"\n"))
    yield head.to_bytes() if head else spell(None)


def write_export(folder: Path, key: Ed25519PublicKey, stream: BinaryIO) -> int:
    """Write an export; returns how many records it holds."""
    count = -2
    for line in export_lines(folder, key):
        stream.write(line)
        count += 1
    return count


def covered(export: Iterable[bytes], folder: Path, key: Ed25519PublicKey) -> tuple[int, str]:
    """Up to which record whole files of a log stand in an export: its sequence and digest.

    The file that grows never counts. (0, "") if there is no whole file.

    Raises:
        IntegrityError: the export is damaged, or is not one of this log.
    """
    lines = list(export)
    verdict = verify_export(lines, key)
    if not verdict.intact:
        raise IntegrityError(
            f"the export is damaged at record {verdict.first_bad}: {verdict.why}",
            hint="Export the log again.",
        )
    exported = {record.sequence: record for record in map(Record.from_line, lines[1:-1])}
    through = (0, "")
    for path in log_files(folder)[:-1]:
        records = [Record.from_line(line) for line in lines_of(path)]
        if any(exported.get(record.sequence) != record for record in records):
            break
        through = (records[-1].sequence, records[-1].digest)
    return through


def dropped_records(folder: Path, through: int) -> int:
    """How many records of a log are not after one."""
    files = log_files(folder)
    return through - first_sequence(files[0]) + 1 if files else 0
