"""A transaction is whole or not at all, and other threads go on while it waits."""

import threading
from contextlib import closing

import apsw
import pytest

from sfta_edge.database import open_database, rows
from sfta_edge.transaction import transaction

NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
WRITE = "INSERT INTO notes (text) VALUES (?)"
TEXTS = "SELECT text FROM notes ORDER BY id"


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "notes.sqlite"


@pytest.fixture(name="notes")
def _notes(path):
    with closing(open_database(path, "notes", (NOTES,))) as notes:
        yield notes


@pytest.fixture(name="other")
def _other(path, notes):
    with closing(open_database(path, "notes", (NOTES,))) as other:
        yield other


def test_what_was_written_in_it_is_seen_by_others_once_it_ends(notes, other):
    with transaction(notes):
        notes.execute(WRITE, ("oil",))
        assert rows(other, TEXTS) == []
    assert rows(other, TEXTS) == [("oil",)]


def write_and_break(notes):
    notes.execute(WRITE, ("oil",))
    raise RuntimeError


def test_an_error_undoes_all_of_it(notes):
    with pytest.raises(RuntimeError), transaction(notes):
        write_and_break(notes)
    assert rows(notes, TEXTS) == []
    assert not notes.in_transaction


def test_one_inside_another_ends_with_the_outer_one(notes):
    with transaction(notes):
        with pytest.raises(RuntimeError), transaction(notes):
            write_and_break(notes)
        notes.execute(WRITE, ("more",))
    assert rows(notes, TEXTS) == [("oil",), ("more",)], "who goes on after an error keeps it"
    assert not notes.in_transaction


def test_a_transaction_that_the_database_ended_itself_hands_on_its_own_error(notes):
    notes.pragma("max_page_count", notes.pragma("page_count") + 2)
    with pytest.raises(apsw.FullError), transaction(notes):
        notes.execute(WRITE, ("oil" * 100_000,))
    notes.pragma("max_page_count", 1_000_000)
    assert rows(notes, TEXTS) == []


def test_what_it_has_read_still_holds_when_it_writes(notes, other):
    other.set_busy_timeout(0)
    with transaction(notes):
        notes.execute("SELECT count(*) FROM notes").fetchall()
        with pytest.raises(apsw.BusyError), transaction(other):
            other.execute(WRITE, ("between",))
        notes.execute(WRITE, ("oil",))
    assert rows(other, TEXTS) == [("oil",)]


def test_a_reader_sees_one_state_while_others_write(notes, other):
    with transaction(other, "DEFERRED"):
        before = rows(other, TEXTS)
        with transaction(notes):
            notes.execute(WRITE, ("oil",))
        assert rows(other, TEXTS) == before
    assert rows(other, TEXTS) == [("oil",)]


def test_a_writer_of_the_same_process_ends_while_another_waits_for_it(notes, other):
    waits = threading.Event()

    def write_second():
        waits.set()
        with transaction(other):
            other.execute(WRITE, ("second",))

    second = threading.Thread(target=write_second)
    with transaction(notes):
        second.start()
        waits.wait()
        # Statements that need the interpreter again and again, as those of a server do.
        for number in range(1000):
            notes.execute(WRITE, (f"first {number}",))
    second.join()
    assert rows(notes, TEXTS)[-1] == ("second",)
    assert len(rows(notes, TEXTS)) == 1001
