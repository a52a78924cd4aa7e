"""Progress: lines in a log, a bar on a terminal, and the items themselves untouched."""

import io
import logging
import sys

import pytest

from sfta.core import progress
from sfta.core.progress import Task, task, track


@pytest.fixture(autouse=True)
def narrated(caplog, monkeypatch):
    """The program's logger as the command line sets it up, whatever other tests did."""
    logger = logging.getLogger("sfta")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.INFO, "sfta"):
        yield


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Put a terminal in the place of stderr; pytest puts its own there before each test."""

    def attach():
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "80")
        return screen

    return attach


@pytest.mark.parametrize(
    ("done", "total", "note", "line"),
    [
        (0, 10, "", "pages 0/10"),
        (4, 10, "", "pages 4/10, 30 s left"),
        (4, 10, "loss 0.3", "pages 4/10, 30 s left, loss 0.3"),
        (10, 10, "", "pages 10/10"),
        (4, None, "", "pages 4"),
    ],
)
def test_a_line_says_how_far_and_how_long(done, total, note, line):
    counter = Task("pages", total, done, note)
    assert counter.line(counter._started + 20) == line


def test_a_note_stays_until_the_next_one():
    counter = Task("pages", 3)
    counter.advance(note="a.pdf")
    counter.advance(2)
    assert (counter.done, counter.note) == (3, "a.pdf")


def test_a_log_gets_the_label_once_and_lines_by_the_clock(caplog, monkeypatch):
    with task("pages", 3) as counter:
        counter.advance()
        assert caplog.messages == ["pages, 3 to do"]
        monkeypatch.setattr(progress, "_LINE_EVERY_SECONDS", 0.0)
        counter.advance()
    assert caplog.messages[1].startswith("pages 2/3")


def test_work_of_unknown_length_is_announced_and_no_work_is_not(caplog):
    with task("pages"):
        pass
    with task("pages", 0):
        pass
    assert caplog.messages == ["pages"]


def test_items_pass_through_in_order(caplog):
    assert list(track([3, 1, 2], "items")) == [3, 1, 2]
    assert list(track((c for c in "ab"), "letters")) == ["a", "b"]
    assert caplog.messages == ["items, 3 to do", "letters"]


def test_an_error_in_the_work_is_not_swallowed():
    def fail():
        with task("pages", 1):
            raise ValueError("broken page")

    with pytest.raises(ValueError, match="broken page"):
        fail()


def test_a_terminal_shows_a_bar_with_count_and_note(terminal, caplog):
    screen = terminal()
    with task("pages", 4) as counter:
        counter.advance(3, note="loss 0.3")
    assert caplog.messages == []
    shown = screen.getvalue()
    assert "pages" in shown
    assert "3/4" in shown
    assert "loss 0.3" in shown


def test_a_total_may_become_known_later(terminal):
    screen = terminal()
    with task("steps") as counter:
        counter.total = 8
        counter.advance(2)
    assert "2/8" in screen.getvalue()


def test_a_quiet_terminal_shows_no_bar(terminal, monkeypatch):
    monkeypatch.setattr(logging.getLogger("sfta"), "level", logging.WARNING)
    screen = terminal()
    assert list(track([1], "items")) == [1]
    assert screen.getvalue() == ""
