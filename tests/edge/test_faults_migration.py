"""A file that is being brought up is the old one or the new one, and an old program says so."""

import os
import signal
import subprocess
import sys
from contextlib import closing

import apsw
import pytest

from sfta_edge import history
from sfta_edge.accounts.clock import DeviceClock
from sfta_edge.accounts.store import Store
from sfta_edge.caller import NOBODY
from sfta_edge.database import open_database, rows
from sfta_edge.device import Device, DeviceOptions
from sfta_edge.errors import IntegrityError
from sfta_edge.history import History
from sfta_edge.library.jobs import JobList

STEPS = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;",
    "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE authors (name TEXT PRIMARY KEY) STRICT;",
    "INSERT INTO authors SELECT DISTINCT author FROM notes;"
    "CREATE INDEX notes_by_author ON notes (author);",
    "ALTER TABLE notes ADD COLUMN length INTEGER;UPDATE notes SET length = length(text);",
)
NOTES = 300
KILLED = """
import os, signal, sys
import apsw
from pathlib import Path
from sfta_edge.database import open_database
seen, after = 0, int(sys.argv[2])
def step(*_):
    global seen
    seen += 1
    if seen == after:
        os.kill(os.getpid(), signal.SIGKILL)
    return False
apsw.connection_hooks.append(lambda connection: connection.set_progress_handler(step, 100))
open_database(Path(sys.argv[1]), "notes", {steps!r}).close()
print(seen)
"""


def made(path, version):
    """A file of a version, with notes in it."""
    with closing(open_database(path, "notes", STEPS[:version])) as database, database:
        for number in range(NOTES):
            database.execute("INSERT INTO notes (text) VALUES (?)", (f"note {number}",))


def killed(path, after):
    line = [sys.executable, "-c", KILLED.format(steps=STEPS), str(path), str(after)]
    return subprocess.run(line, check=False, capture_output=True, text=True)


def test_killed_at_any_point_a_file_is_of_the_old_version_or_of_the_new(tmp_path):
    made(tmp_path / "count.sqlite", 1)
    done = killed(tmp_path / "count.sqlite", 1 << 30)
    assert done.returncode == 0, done.stderr
    total, seen = int(done.stdout), set()
    assert total > 20  # else the sweep below would prove little
    for after in range(1, total + 1, max(1, total // int(os.environ.get("SFTA_KILLS", "12")))):
        path = tmp_path / f"{after}.sqlite"
        made(path, 1)
        assert killed(path, after).returncode == -signal.SIGKILL
        with closing(apsw.Connection(str(path))) as database:
            ((version,),) = database.execute("SELECT version FROM file")
            columns = {row[1] for row in database.execute("PRAGMA table_info(notes)")}
        seen.add(version)
        assert (version == len(STEPS)) == ("length" in columns)
        with closing(open_database(path, "notes", STEPS)) as database:
            assert rows(database, "SELECT count(*), sum(length > 0) FROM notes") == [
                (NOTES, NOTES)
            ]
            assert database.pragma("integrity_check") == "ok"
    assert seen <= {1, len(STEPS)}


def raise_version(path, by):
    """As if the program of a later version had been here."""
    with closing(apsw.Connection(str(path))) as database:
        database.execute("ALTER TABLE file ADD COLUMN later TEXT")
        database.execute("UPDATE file SET version = version + ?", (by,))


@pytest.mark.parametrize(
    ("name", "kind", "opens"),
    [
        ("history.sqlite", "history", lambda data: History(data / "history.sqlite")),
        ("accounts.sqlite", "accounts", lambda data: Store(data, DeviceClock())),
        ("jobs.sqlite", "jobs", lambda data: JobList(data / "jobs.sqlite")),
    ],
)
def test_an_old_program_says_that_a_file_is_newer_and_leaves_it_alone(
    tmp_path, name, kind, opens
):
    opens(tmp_path).close()
    raise_version(tmp_path / name, 2)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(IntegrityError, match="newer version") as refused:
        opens(tmp_path)
    assert refused.value.hint
    assert (tmp_path / name).read_bytes() == before
    assert kind in {"history", "accounts", "jobs"}


def test_a_device_that_went_back_to_the_bundle_before_goes_on(small_bundle, tmp_path):
    """The newer program has added to a file; the one before answers, and the newer one again."""
    data = tmp_path / "data"
    options = DeviceOptions(threads=1, accounts=False)
    with Device.open(small_bundle, data, options):
        pass
    raise_version(data / "history.sqlite", 1)
    with Device.open(small_bundle, data, options) as device:
        device.history.add(NOBODY, "What is kept?", {"citations": []})
    newer = (*history.MIGRATIONS, "SELECT 1;")
    with closing(open_database(data / "history.sqlite", history.KIND, newer)) as database:
        assert rows(database, "SELECT count(*) FROM entries") == [(1,)]
