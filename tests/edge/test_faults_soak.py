"""Used again and again, a device keeps its size: a short run of what a long one would show.

``SFTA_SOAK=3000`` makes a night of it.
"""

import os
import threading
from pathlib import Path

import apsw
import pytest

from audit_logs import open_log
from handed_in_files import PassageWords
from opened_libraries import LIMITS, found, hand_in
from sfta_edge.caller import Caller
from sfta_edge.diagnostics.databases import examined
from sfta_edge.history import History
from sfta_edge.library.library import Library

ROUNDS = int(os.environ.get("SFTA_SOAK", "6"))
KEPT = 5
"""Entries of the history, so that a short run reaches the bound."""
EACH = 2
"""Documents that are added and removed in a round."""


class Device:
    """What of a device grows when it is used; no model."""

    def __init__(self, root):
        self.root, self.data = root, root / "data"
        self.history = History(self.data / "history.sqlite", kept=KEPT)
        self.library = Library(self.data, PassageWords(), store_limits=LIMITS)
        self.library.start()

    def use(self, number):
        """Documents come and go, somebody asks, and it is written down."""
        for which in range(EACH):
            text = f"# Pump {which}\n\nThe pump {which} is rinsed every {number + 40} hours.\n"
            hand_in(self.library, text.encode() * 5, f"{which}.md")
        assert self.library.wait(60)
        for job in self.library.documents():
            self.library.remove(job.document_id)
        for question in range(KEPT):
            self.history.add(Caller("mia"), f"question {question}" * 20, {"citations": []})

    def close(self):
        self.library.close()
        self.history.close()


@pytest.fixture(name="device")
def _device(tmp_path):
    device = Device(tmp_path / "root")
    yield device
    device.close()


def pages(path):
    return examined(path)["page_count"]


def handles():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
def test_files_handles_and_threads_do_not_grow_with_use(device):
    names = ("knowledge.sqlite", "jobs.sqlite", "history.sqlite")
    for number in range(ROUNDS // 2):
        device.use(number)
    before = {name: pages(device.data / name) for name in names}
    opened, running = handles(), threading.active_count()
    for number in range(ROUNDS // 2, ROUNDS):
        device.use(number)
    # Pages are taken again after they were given back; a few stay partly filled.
    grown = {name: pages(device.data / name) - before[name] for name in names}
    assert all(pages <= 4 + before[name] // 5 for name, pages in grown.items()), (before, grown)
    assert handles() <= opened + 1
    assert threading.active_count() == running
    assert list((device.data / "files").iterdir()) == []
    assert found(device.data) == []
    for name in names:
        assert examined(device.data / name)["integrity_check"] == ["ok"]
    assert examined(device.data / "history.sqlite")["rows"]["entries"] == KEPT
    assert examined(device.data / "jobs.sqlite")["rows"]["jobs"] == 0


def test_an_audit_log_grows_by_what_happened_and_by_nothing_else(tmp_path):
    with open_log(tmp_path, file_bytes=4000) as audit:
        for number in range(ROUNDS):
            audit.append("login", {"user": f"mia {number % 3}"})
        assert audit.verify().intact
        assert audit.verify().records == ROUNDS + 1
    sizes = [path.stat().st_size for path in (tmp_path / "data/audit").glob("*.jsonl")]
    assert max(sizes) < 4000 + 1000


def test_a_database_that_is_worn_has_a_write_ahead_log_of_bounded_size(tmp_path):
    with History(tmp_path / "history.sqlite", kept=KEPT) as history:
        for number in range(20 * ROUNDS):
            history.add(Caller("mia"), f"question {number}" * 50, {"citations": []})
        log = tmp_path / "history.sqlite-wal"
        # SQLite writes back after 1000 pages; a reader that never ends would hold it up.
        assert log.stat().st_size < 1100 * 4200
    assert apsw.Connection(str(tmp_path / "history.sqlite")).pragma("integrity_check") == "ok"
