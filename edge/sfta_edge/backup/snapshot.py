"""The data of a device at one moment, while the device works.

Databases are copied by SQLite's backup interface, the log of the audit up to a whole record. All
other files are replaced or removed but never changed, so a hard link holds what they are.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from sfta_edge import __version__
from sfta_edge.audit.clock import clock_facts
from sfta_edge.audit.verification import verify_log
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import FileEntry, Manifest
from sfta_edge.signature import load_public_key

KIND = "backup"
AUDIT = "audit"
AUDIT_KEY = "keys/audit.pub"
CACHES = frozenset({"cache", "caches", "parsed"})
"""Folders whose content can be computed again: never in a backup, whatever is in them."""
_SIDES = ("-wal", "-shm", "-journal")
_SPARE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder that holds what goes into the backup, and its manifest."""

    root: Path
    manifest: Manifest

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.manifest.files)


def take_snapshot(data: Path, scratch: Path) -> Snapshot:
    """Put the state of `data` into the folder `scratch`, which lies on the same disk.

    Raises:
        ConfigError: there are no data, or the disk has no room for a copy of the databases.
        IntegrityError: a database is damaged, a link lies among the files, or the data were
            replaced by a restore meanwhile.
    """
    try:
        before = data.stat()
        _check_room(data, scratch)
        # Files twice: a database may name one that came after the first look, and one that it
        # names may be removed before the second.
        _link_files(data, scratch)
        databases = {name: _copy_database(data, scratch, name) for name in _databases(data)}
        _link_files(data, scratch)
        after = data.stat()
    except FileNotFoundError as error:
        raise ConfigError(f"there are no data in {data}: {error}") from error
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
        raise IntegrityError("the data were restored meanwhile", hint="Make the backup again.")
    facts: dict[str, Any] = {
        "program": __version__,
        "made": clock_facts(),
        "databases": databases,
        "audit": audit_facts(scratch),
    }
    files = (path for path in scratch.rglob("*") if path.is_file())
    entries = tuple(sorted(FileEntry.of(scratch, path) for path in files))
    return Snapshot(scratch, Manifest(KIND, entries, facts))


def audit_facts(data: Path) -> dict[str, Any] | None:
    """Whether the log among the data is intact, and if not, from where; None if there is none."""
    if not (data / AUDIT).is_dir():
        return None
    try:
        return verify_log(data / AUDIT, load_public_key(data / AUDIT_KEY)).to_json()
    except SftaError as error:
        return {"intact": False, "records": 0, "first_bad": 1, "why": str(error)}


def kept_files(data: Path) -> Iterator[str]:
    """Every file that a backup holds, relative to the data; no caches, no scratch files.

    Raises:
        IntegrityError: a link, which would leave the data.
    """
    for folder, folders, files in os.walk(data):
        folders[:] = sorted(f for f in folders if f not in CACHES and not f.startswith("."))
        for name in sorted(files) + [f for f in folders if Path(folder, f).is_symlink()]:
            path = Path(folder, name)
            if name.startswith(".") or name.endswith(_SIDES):
                continue
            if path.is_symlink():
                raise IntegrityError(f"a link lies among the data: {path}", hint="Remove it.")
            if path.is_socket() or path.is_fifo():
                continue  # somebody listens there: it holds nothing
            yield path.relative_to(data).as_posix()


def _databases(data: Path) -> list[str]:
    return [name for name in kept_files(data) if name.endswith(".sqlite")]


def _check_room(data: Path, scratch: Path) -> None:
    needed = sum((data / name).stat().st_size for name in _databases(data)) + _SPARE_BYTES
    free = shutil.disk_usage(scratch).free
    if free < needed:
        raise ConfigError(
            f"a backup needs {needed >> 20} MiB for a while, {free >> 20} MiB are free",
            hint="Make room on the disk of the data.",
        )


def _link_files(data: Path, scratch: Path) -> None:
    head = [f"{AUDIT}/head.json"]  # first: the log may be longer than its head, never shorter
    for name in head + [name for name in kept_files(data) if name not in head]:
        if name.endswith(".sqlite"):
            continue
        target = scratch / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith(f"{AUDIT}/"):
            target.unlink(missing_ok=True)  # the second look is the newer one, for all of them
        elif target.exists():
            continue
        try:
            if name.endswith(".jsonl"):
                _copy_whole_lines(data / name, target)
            else:
                _link(data / name, target)
        except FileNotFoundError:
            continue  # removed since the folder was read: it is no part of the data any more
    if not any((scratch / AUDIT).glob("*")):
        shutil.rmtree(scratch / AUDIT, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a disk, or a rule of the kernel, that knows no hard links
        shutil.copyfile(source, target)


def _copy_whole_lines(source: Path, target: Path) -> None:
    with source.open("rb") as lines, target.open("wb") as copy:
        copy.writelines(line for line in lines if line.endswith(b"\n"))


def _copy_database(data: Path, scratch: Path, name: str) -> dict[str, Any]:
    """One database at one moment; returns its kind and the version of its schema."""
    target = scratch / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source = apsw.Connection(str(data / name), flags=apsw.SQLITE_OPEN_READWRITE)
        copy = apsw.Connection(str(target))
        try:
            source.set_busy_timeout(30_000)
            with copy.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(-1)
            return database_facts(copy)
        finally:
            copy.close()
            source.close()
    except apsw.Error as error:
        raise IntegrityError(f"{data / name} cannot be copied: {error}") from error


def database_facts(connection: apsw.Connection) -> dict[str, Any]:
    """What a database of the device says of itself; empty for a knowledge file."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
    if "file" not in tables:
        return {}
    row = connection.execute("SELECT kind, version FROM file").fetchone()
    return dict(zip(("kind", "version"), row or (), strict=False))
