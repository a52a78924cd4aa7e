"""SQLite files of the device: opened so that what was acknowledged survives a power cut.

Every noun has a file of its own (accounts, jobs, history), so that each can be read, moved and
restored alone. A file says what it is and which version of its schema it holds.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.transaction import transaction

_BUSY_MILLISECONDS = 30_000  # a memory card takes seconds for a flush that others wait for
_RETRY_SECONDS = 0.02
Migrate = Callable[[apsw.Connection], None]


def open_database(
    path: Path, kind: str, migrations: Sequence[str | Migrate]
) -> apsw.Connection:
    """Open a file, make it if it is not there, and bring it to the newest version.

    Write in `transaction.transaction`.

    Args:
        path: its folder exists or is made, closed to others.
        kind: what the file holds; written into it, and refused if another stands there.
        migrations: SQL, or a function, that leads from version i to version i + 1. Each runs once,
            in a transaction. They only ever add: a program of the version before still has to
            read the file, see docs/bundle-format.md.

    Raises:
        IntegrityError: no SQLite file, damaged, of another kind, or of a newer version.
        SftaError: it cannot be opened or written, or another process keeps it to itself.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)  # SQLite gives its side files the mode of this one
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path))
        _set_up(connection)
        _bring_up(connection, path, kind, migrations)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, apsw.Error):
            raise _readable(error, path) from error
        raise
    return connection


def _set_up(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    _write_ahead(connection)
    connection.pragma("synchronous", "FULL")
    connection.pragma("foreign_keys", 1)
    connection.pragma("trusted_schema", 0)


def _write_ahead(connection: apsw.Connection) -> None:
    """Switch to the write-ahead log; SQLite itself does not wait for others that do the same."""
    give_up = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > give_up:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _readable(error: apsw.Error, path: Path) -> SftaError:
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return IntegrityError(
            f"{path} is damaged: {error}", hint="Restore it from a backup: sfta-edge restore."
        )
    if isinstance(error, apsw.BusyError):
        return SftaError(f"{path} is in use", hint="Another process writes it; try again.")
    return SftaError(
        f"{path} cannot be used: {error}", hint="Check its owner, its mode and the free space."
    )


def _bring_up(
    connection: apsw.Connection, path: Path, kind: str, migrations: Sequence[str | Migrate]
) -> None:
    with transaction(connection):
        found, version = _identity(connection, path, kind)
        if found != kind:
            raise IntegrityError(f"{path} holds {found}, not {kind}")
        # A migration only adds, so the program before still reads and writes what it knows: a
        # device that went back to the bundle before goes on. Further ahead is a guess.
        if version > len(migrations) + 1:
            raise IntegrityError(
                f"{path} was written by a newer version of sfta-edge ({version})",
                hint="Install the newer bundle again, or restore an older backup.",
            )
        for migration in migrations[version:]:
            if callable(migration):
                migration(connection)
            else:
                connection.execute(migration)
        if version < len(migrations):
            connection.execute("UPDATE file SET version = ?", (len(migrations),))


def _identity(connection: apsw.Connection, path: Path, kind: str) -> tuple[str, int]:
    """What the file says it is; an empty one is told."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if not tables:
        connection.execute(
            "CREATE TABLE file (kind TEXT NOT NULL, version INTEGER NOT NULL) STRICT"
        )
        connection.execute("INSERT INTO file VALUES (?, 0)", (kind,))
    elif "file" not in tables:
        raise IntegrityError(f"{path} is the database of another program")
    found, version = connection.execute("SELECT kind, version FROM file LIMIT 1").get or (
        "nothing",
        0,
    )
    return found, version


def rows(connection: apsw.Connection, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return list(connection.execute(sql, bindings))
