"""Results of single records, kept across runs: what has not changed is not computed again.

An artifact is made whole whenever one of its inputs changes; the cache lies outside of it and
saves the work on the records that are as before. It is never the only copy of anything:
deleting its folder costs time and nothing else.
"""

import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import canonical_json

log = logging.getLogger("sfta")
FOLDER = "records"
_MOST_BYTES = 4 << 30
_WAIT_SECONDS = 60
_TABLE = """
CREATE TABLE IF NOT EXISTS record (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, digest BLOB NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID
"""
_OLD = """
DELETE FROM record WHERE key IN (
    SELECT key FROM (
        SELECT key, sum(length(value)) OVER (ORDER BY used DESC, key) AS total FROM record
    ) WHERE total > ?
)
"""


class RecordCache:
    """Values by key in one file; the least recently used go when it grows too large.

    A value comes back as it was put, or not at all: each is kept with its digest, and a
    damaged file is begun anew.
    """

    def __init__(self, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        """Use the file, made if it is missing; `most_bytes` bounds its values.

        Raises:
            SftaError: the file cannot be read or written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._most_bytes = path, most_bytes
        self._used: set[str] = set()
        self._connection = self._open()
        self.found = 0
        """Values that were there when they were asked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: str) -> bytes | None:
        """The value kept under the key."""
        rows = self._run("SELECT value, digest FROM record WHERE key = ?", [(key,)])
        if not rows or _digest(rows[0][0]) != rows[0][1]:
            return None
        self._used.add(key)
        self.found += 1
        value: bytes = rows[0][0]
        return value

    def put(self, values: Mapping[str, bytes]) -> None:
        """Keep values; they survive the end of this process, however it ends."""
        now = time.time_ns()
        rows = [(key, value, _digest(value), now) for key, value in values.items()]
        self._run("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Note what was used and drop the oldest values above the limit."""
        now = time.time_ns()
        rows = [(now, key) for key in sorted(self._used)]
        self._run("UPDATE record SET used = ? WHERE key = ?", rows)
        self._run(_OLD, [(self._most_bytes,)])
        self._connection.close()

    def _run(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Run a statement for each row in one transaction; return what the last one found."""
        found: list[Any] = []
        try:
            with self._connection:
                for row in rows:
                    found = self._connection.execute(statement, row).fetchall()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:
            self._discard(self._connection)
            self._connection = self._open()
            return []
        return found

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, timeout=_WAIT_SECONDS)
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        try:
            # A cut of power may damage a cache: that is noticed, and nothing is lost.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(_TABLE)
        except sqlite3.OperationalError as error:
            connection.close()
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:
            self._discard(connection)
            return self._open()
        return connection

    def _discard(self, connection: sqlite3.Connection) -> None:
        log.warning("%s is damaged; beginning it anew", self._path)
        connection.close()
        self._path.unlink(missing_ok=True)

    def _unusable(self, error: Exception) -> SftaError:
        return SftaError(
            f"cannot use the cache {self._path}: {error}",
            hint="Check free disk space and permissions, or give another folder with --cache.",
        )


def record_key(*parts: Any) -> str:
    """Key of a record: the digest of everything its result depends on."""
    return hashlib.sha256(canonical_json(list(parts))).hexdigest()


@cache
def code_identity(modules: tuple[str, ...], packages: tuple[str, ...] = ()) -> str:
    """Digest of source files of ours and of versions of packages they call.

    A stage's revision says when its result changes on purpose; the code itself says when a
    kept result may be another than a new one.

    Args:
        modules: names of modules, or of packages with all modules in them.
        packages: names of distributions.
    """
    sources = {
        name: [hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(name)]
        for name in modules
    }
    return record_key(sources, {name: version(name) for name in packages})


def _files(module: str) -> list[Path]:
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ConfigError(f"there is no module {module}")
    if found.submodule_search_locations:
        return sorted(Path(found.origin).parent.rglob("*.py"))
    return [Path(found.origin)]


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
