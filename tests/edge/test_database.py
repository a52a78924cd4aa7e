"""A file of the device says what it is, grows in steps, and is refused when it is not its own."""

import random
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from sfta_edge.database import open_database, rows
from sfta_edge.errors import IntegrityError, SftaError

FIRST = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
SECOND = "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT '';"


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "data" / "notes.sqlite"


def opened(path, *migrations, kind="notes"):
    return closing(open_database(path, kind, migrations or (FIRST,)))


def test_what_was_written_is_there_when_it_is_opened_again(path):
    with opened(path) as database, database:
        database.execute("INSERT INTO notes (text) VALUES ('oil')")
    with opened(path) as database:
        assert rows(database, "SELECT text FROM notes WHERE id = ?", 1) == [("oil",)]


def test_nobody_else_on_the_machine_can_read_it(path):
    with opened(path) as database, database:
        database.execute("INSERT INTO notes (text) VALUES ('oil')")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["notes.sqlite", "notes.sqlite-wal", "notes.sqlite-shm"], 0o600
    )


def test_an_acknowledged_write_survives_a_power_cut(path):
    with opened(path) as database:
        assert database.pragma("journal_mode") == "wal"
        assert (
            database.pragma("synchronous") == 2
        )  # FULL: see edge.md, WAL alone may lose commits
        assert database.pragma("foreign_keys") == 1
        assert database.pragma("trusted_schema") == 0


def test_an_older_file_is_brought_up_and_keeps_its_rows(path):
    with opened(path) as database, database:
        database.execute("INSERT INTO notes (text) VALUES ('oil')")
    with opened(path, FIRST, SECOND) as database:
        assert rows(database, "SELECT text, author FROM notes") == [("oil", "")]
        assert rows(database, "SELECT kind, version FROM file") == [("notes", 2)]


def test_a_step_runs_once_and_may_be_a_function(path):
    calls = []

    def second(connection):
        calls.append(1)
        connection.execute(SECOND)

    for _ in range(3):
        with opened(path, FIRST, second):
            pass
    assert calls == [1]


def test_a_step_that_fails_leaves_the_file_as_it_was(path):
    def broken(connection):
        connection.execute(SECOND)
        raise IntegrityError("half way")

    with opened(path):
        pass
    with pytest.raises(IntegrityError, match="half way"):
        open_database(path, "notes", (FIRST, broken))
    with opened(path) as database:
        assert rows(database, "SELECT version FROM file") == [(1,)]
        assert [row[1] for row in rows(database, "PRAGMA table_info(notes)")] == ["id", "text"]


def test_a_step_that_is_killed_leaves_the_file_as_it_was(path):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from sfta_edge.database import open_database\n"
        "def die(connection):\n"
        f"    connection.execute({SECOND!r}); os.kill(os.getpid(), signal.SIGKILL)\n"
        f"open_database(Path({str(path)!r}), 'notes', ({FIRST!r}, die))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    with opened(path, FIRST, SECOND) as database:
        assert rows(database, "SELECT version FROM file") == [(2,)]
        assert database.pragma("integrity_check") == "ok"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 300), "is damaged"),
        (
            lambda path: open_database(path, "jobs", ("CREATE TABLE x (y)",)).close(),
            "holds jobs",
        ),
        (
            lambda path: open_database(path, "notes", (FIRST, SECOND, "SELECT 1")).close(),
            "newer version",
        ),
        (lambda path: _foreign(path, "CREATE TABLE users (name)"), "of another program"),
        (lambda path: _foreign(path, "CREATE TABLE file (kind, version)"), "holds nothing"),
    ],
)
def test_what_is_not_this_file_is_refused_and_left_alone(path, spoil, reason):
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(IntegrityError, match=reason):
        open_database(path, "notes", (FIRST,))
    assert _logical(before) == _logical(path.read_bytes())


def test_the_program_before_goes_on_with_what_the_next_one_has_written(path):
    """After a rollback: a migration only adds, and is not done twice afterwards."""
    with opened(path, FIRST, SECOND) as database:
        before = rows(database, "SELECT sql FROM sqlite_schema ORDER BY name")
    with opened(path, FIRST) as database:
        assert rows(database, "SELECT version FROM file") == [(2,)]
    with opened(path, FIRST, SECOND) as database:
        assert rows(database, "SELECT sql FROM sqlite_schema ORDER BY name") == before


def _foreign(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)


def _logical(content):
    """Without the two bytes that say whether the journal is a WAL, and the change counters."""
    return content[:18] + content[20:24] + content[28:92] + content[100:]


def test_any_damage_of_the_first_page_x(path):
    with opened(path):
        pass
    good = path.read_bytes()
    random_bytes = random.Random(7)
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(8):
            bad[random_bytes.randrange(4096)] = random_bytes.randrange(256)
        for side in path.parent.glob("*-*"):
            side.unlink()
        path.write_bytes(bad)
        with suppress(SftaError):  # any other error fails the test
            open_database(path, "notes", (FIRST,)).close()


def test_a_folder_in_the_place_of_the_file_is_named(path):
    path.mkdir(parents=True)
    with pytest.raises(SftaError, match="cannot be used"):
        open_database(path, "notes", (FIRST,))


def test_a_refused_file_is_not_kept_open(path):
    with opened(path, kind="jobs"):
        pass
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(IntegrityError):
            open_database(path, "notes", (FIRST,))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_many_may_make_the_same_file_at_once(path):
    start, versions = threading.Barrier(3), []

    def make():
        start.wait()
        with opened(path, FIRST, SECOND) as database:
            versions.extend(rows(database, "SELECT version FROM file"))

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions == [(2,)] * 3


def test_rows_binds_what_is_asked_for(path):
    with opened(path) as database:
        assert rows(database, "SELECT ?, ?", "'; DROP TABLE notes; --", None) == [
            ("'; DROP TABLE notes; --", None)
        ]
        assert rows(database, "SELECT 1 WHERE 0") == []
