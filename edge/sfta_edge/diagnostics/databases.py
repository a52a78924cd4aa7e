"""The databases of a device, read and never written: how large, how whole, how many rows."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from sfta_edge.errors import IntegrityError

BUNDLE_KNOWLEDGE = "knowledge/knowledge.sqlite"
"""As `appliance.KNOWLEDGE`, which cannot be had without what needs a newer processor."""
_SIDES = ("", "-wal", "-shm")
_MOST_PROBLEMS = 5
_BUSY_MILLISECONDS = 5000
_MOST_TABLES = 100


@contextmanager
def opened_to_read(path: Path) -> Iterator[apsw.Connection]:
    """A database as it is at this moment; nothing is migrated, repaired or made.

    Raises:
        IntegrityError: there is none, or it cannot be read.
    """
    if not path.is_file():
        raise IntegrityError(f"{path} is missing")
    try:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro{_immutable(path)}"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        with closing(apsw.Connection(uri, flags)) as connection:
            connection.set_busy_timeout(_BUSY_MILLISECONDS)
            connection.pragma("trusted_schema", 0)
            yield connection
    except apsw.Error as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error


def _immutable(path: Path) -> str:
    """Nobody has a database open that has no write-ahead log: SQLite need not make one to read."""
    return "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"


def sizes(path: Path) -> dict[str, int]:
    """Bytes of a database and of the files beside it."""
    found = {}
    for side in _SIDES:
        beside = path.with_name(path.name + side)
        if beside.is_file():
            found[side.removeprefix("-") or "file"] = beside.stat().st_size
    return found


def examined(path: Path) -> dict[str, Any]:
    """What SQLite's own check says of a file, and how many rows its tables have.

    Raises:
        IntegrityError: as `opened_to_read`.
    """
    with opened_to_read(path) as connection:
        check = connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})")
        problems = [str(row[0]) for row in check]
        pragmas = ("page_count", "freelist_count", "page_size", "user_version")
        counted = {name: connection.pragma(name) for name in pragmas}
        return {
            "integrity_check": problems,
            **counted,
            **_identity(connection),
            "rows": _counted_rows(connection),
        }


def _identity(connection: apsw.Connection) -> dict[str, Any]:
    """Kind and version, as `database.open_database` writes them; a knowledge file has none."""
    try:
        row = connection.execute("SELECT kind, version FROM file LIMIT 1").fetchone()
    except apsw.SQLError:
        return {}
    return dict(zip(("kind", "version"), row or (), strict=False))


def _counted_rows(connection: apsw.Connection) -> dict[str, int]:
    """Rows of plain tables; those of a virtual one need its extension."""
    names = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
        " ORDER BY name LIMIT ?",
        (_MOST_TABLES,),
    )
    found = {}
    for (name,) in list(names):
        quoted = '"' + str(name).replace('"', '""') + '"'
        found[str(name)] = int(
            connection.execute(f"SELECT count(*) FROM {quoted}").get  # noqa: S608 a quoted name
        )
    return found
