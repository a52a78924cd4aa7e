"""The file of the accounts: ``data/accounts.sqlite``."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import apsw

from sfta_edge.accounts.clock import Clock, Moment
from sfta_edge.database import open_database
from sfta_edge.transaction import transaction

FILE = "accounts.sqlite"
_NOTE_SECONDS = 60.0
log = logging.getLogger("sfta_edge.accounts")

_FIRST = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE runs (                 -- how long the device has run, see clock.Moment
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot TEXT NOT NULL,
    before REAL NOT NULL,           -- seconds before this boot
    running REAL NOT NULL           -- seconds in all, when it was last noted
) STRICT;
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,       -- see names.key_of
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('reader', 'editor', 'admin')),
    groups TEXT NOT NULL,           -- JSON
    hash TEXT NOT NULL,             -- see passwords.Hash
    created REAL NOT NULL,          -- seconds since 1970, for people to read
    last_seen REAL,
    disabled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('reader', 'editor', 'admin')),
    groups TEXT NOT NULL,
    hash TEXT NOT NULL,
    created REAL NOT NULL,
    last_used REAL,
    lifetime REAL,                  -- seconds; NULL: for ever
    age REAL NOT NULL,              -- seconds, at the moment that follows
    boot TEXT NOT NULL,
    running REAL NOT NULL,
    wall REAL NOT NULL
) STRICT;
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,        -- SHA-256 of the cookie's value
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created REAL NOT NULL,
    age REAL NOT NULL,              -- seconds, when it was last used: at the moment that follows
    boot TEXT NOT NULL,
    running REAL NOT NULL,
    wall REAL NOT NULL
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE TABLE failures (
    key BLOB PRIMARY KEY,           -- keyed hash: a password typed as a name is not kept
    name BLOB NOT NULL,             -- the part of the name alone, to forgive it everywhere
    count INTEGER NOT NULL,
    boot TEXT NOT NULL,             -- when the last one was
    running REAL NOT NULL,
    wall REAL NOT NULL
) STRICT;
CREATE INDEX failures_of_name ON failures (name);
"""


class Store:
    """The opened file. Safe for threads; other processes may have it open as well."""

    def __init__(self, data: Path, clock: Clock) -> None:
        """Open it in a data folder.

        Raises:
            IntegrityError: the file is damaged, or of a newer version.
            SftaError: it cannot be opened.
        """
        self.clock = clock
        self._connection = open_database(data / FILE, "accounts", (_FIRST, _salt))
        self._lock = threading.RLock()
        self._boot, self._before, self._noted = "", 0.0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def now(self) -> Moment:
        """This moment; that it came is noted once a minute, so that a power cut loses no more."""
        read = self.clock.read()
        with self._lock:
            if read.boot != self._boot:
                self._boot, self._before = read.boot, self._run_before(read.boot)
                self._noted = -_NOTE_SECONDS
            running = self._before + read.uptime
            if running - self._noted >= _NOTE_SECONDS:
                self._noted = running
                row = (read.boot, self._before, running)
                self.note("INSERT OR REPLACE INTO runs VALUES (1, ?, ?, ?)", *row)
        return Moment(read.boot, running, read.wall)

    def _run_before(self, boot: str) -> float:
        """Seconds that the device had run before this boot, as far as it was noted."""
        for noted, before, running in self.rows("SELECT boot, before, running FROM runs"):
            return float(before if noted == boot else running)
        return 0.0

    def rows(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement, which may also write."""
        with self._lock:
            return list(self._connection.execute(sql, bindings))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nobody else writes in between."""
        with self._lock, transaction(self._connection):
            yield

    def note(self, sql: str, *bindings: Any) -> None:
        """Write what may also be lost: a full disk keeps nobody out."""
        try:
            self.rows(sql, *bindings)
        except (apsw.FullError, apsw.ReadOnlyError, apsw.BusyError, apsw.IOError) as error:
            log.warning("the use of an account could not be noted: %s", error)

    def fact(self, name: str) -> bytes | None:
        """A value of the device itself."""
        found = self.rows("SELECT value FROM facts WHERE name = ?", name)
        return bytes(found[0][0]) if found else None

    def set_fact(self, name: str, value: bytes | None) -> None:
        """Keep a value, or forget it."""
        if value is None:
            self.rows("DELETE FROM facts WHERE name = ?", name)
        else:
            self.rows("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)


def _salt(connection: apsw.Connection) -> None:
    connection.execute("INSERT INTO facts VALUES ('salt', ?)", (os.urandom(32),))
