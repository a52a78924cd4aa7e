"""A folder that is watched: what lies still in it is taken in, what fails is put aside."""

import errno
import io
import os

import pytest

from handed_in_files import PassageWords
from sfta_edge.library.inbox import Inbox
from sfta_edge.library.library import Library
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.refusals import DiskLowError

LIMITS = StoreLimits(reserve_bytes=0)


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "data", PassageWords(), store_limits=LIMITS) as opened:
        yield opened


@pytest.fixture
def watched(tmp_path, library):
    return Watched(tmp_path / "inbox", library)


class Watched:
    """An inbox whose time is told by the test."""

    def __init__(self, folder, library):
        self.folder, self.library, self.now = folder, library, 0.0
        self.inbox = Inbox(folder, library, quiet_seconds=5, clock=lambda: self.now)

    def put(self, name, raw=b"# Oil\n\nUse 46S.\n"):
        path = self.folder / name
        path.write_bytes(raw)
        return path

    def later(self, seconds=6):
        self.now += seconds
        self.inbox.look()

    def settled(self):
        self.later(0)
        self.later()
        assert self.library.wait(60)
        self.later()

    def tree(self):
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in files)


def test_a_file_becomes_a_document_and_is_moved_to_done(watched):
    watched.put("oil.md")
    watched.settled()
    assert watched.tree() == ["done/oil.md"]
    (job,) = watched.library.documents()
    assert (job.name, job.owner) == ("oil.md", "inbox")


def test_a_file_that_still_grows_is_left_alone(watched):
    path = watched.put("oil.md", b"half")
    watched.later(0)
    watched.later(4)
    path.write_bytes(b"more than half")
    watched.later(4)
    watched.later(4)
    assert watched.library.jobs() == []
    watched.later(2)
    assert len(watched.library.jobs()) == 1


def test_a_file_that_cannot_be_read_is_put_aside_with_the_reason(watched):
    watched.put("bad.pdf", b"%PDF-1.7 nothing")
    watched.put("picture.png", b"\x89PNG\r\n\x1a\n")
    watched.settled()
    assert watched.tree() == [
        "failed/bad.pdf",
        "failed/bad.pdf.txt",
        "failed/picture.png",
        "failed/picture.png.txt",
    ]
    assert "no readable PDF" in (watched.folder / "failed/bad.pdf.txt").read_text()
    assert "picture" in (watched.folder / "failed/picture.png.txt").read_text()


def test_a_better_file_of_the_same_name_clears_the_failure(watched):
    watched.put("oil.md", b"")
    watched.settled()
    assert "failed/oil.md.txt" in watched.tree()
    watched.put("oil.md")
    watched.settled()
    assert watched.tree() == ["done/oil.md", "failed/oil.md"]


@pytest.mark.parametrize("name", [".hidden.md", "a.md.part", "a.tmp", "a.md~", "a.crdownload"])
def test_files_in_the_making_are_left_alone(watched, name):
    watched.put(name)
    watched.settled()
    assert watched.tree() == [name]


def test_links_pipes_and_folders_are_left_alone(watched):
    (watched.folder / "passwd.txt").symlink_to("/etc/passwd")
    os.mkfifo(watched.folder / "pipe.txt")
    (watched.folder / "folder.md").mkdir()
    watched.settled()
    assert watched.library.jobs() == []


def test_a_file_that_becomes_a_link_is_not_followed(watched):
    path = watched.put("oil.md")
    watched.later(0)
    watched.now += 6
    found = dict(watched.inbox._files())
    path.unlink()
    path.symlink_to("/etc/passwd")
    watched.inbox._files = found.items
    watched.inbox.look()
    assert watched.library.jobs() == []


def test_a_file_that_was_read_before_an_interruption_is_only_moved(tmp_path, watched):
    watched.put("oil.md")
    watched.later(0)
    watched.later()
    assert watched.library.wait(60)
    again = Watched(tmp_path / "inbox", watched.library)
    again.settled()
    assert again.tree() == ["done/oil.md"]
    assert len(watched.library.jobs()) == 1


def test_a_file_that_is_cancelled_is_put_aside(watched, monkeypatch):
    watched.put("oil.md")
    watched.later(0)
    monkeypatch.setattr(watched.library._worker, "wake", lambda: None)
    watched.later()
    (job,) = watched.library.jobs()
    watched.library.cancel(job.id)
    watched.later()
    assert (watched.folder / "failed/oil.md.txt").read_text() == "cancelled\n"


def test_without_space_a_file_waits_in_the_folder(watched, monkeypatch):
    def full(*_, **__):
        raise DiskLowError("the disk is full")

    with monkeypatch.context() as low:
        low.setattr(watched.library, "submit", full)
        watched.put("oil.md")
        watched.later(0)
        watched.later()
        assert watched.tree() == ["oil.md"]
    watched.settled()
    assert watched.tree() == ["done/oil.md"]


def test_a_file_that_cannot_be_opened_stays(watched, monkeypatch, caplog):
    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(watched.library, "submit", broken)
    watched.put("oil.md")
    watched.later(0)
    watched.later()
    assert watched.tree() == ["oil.md"]
    assert "Input/output error" in caplog.text


def test_the_same_content_under_a_second_name_is_done_too(watched):
    watched.put("a.md")
    watched.put("b.md")
    watched.settled()
    assert watched.tree() == ["done/a.md", "done/b.md"]
    assert len(watched.library.documents()) == 1


def test_a_document_that_is_removed_meanwhile_is_handed_in_again(watched):
    watched.put("oil.md")
    watched.later(0)
    watched.later()
    assert watched.library.wait(60)
    (job,) = watched.library.documents()
    watched.library.remove(job.document_id)
    watched.later()
    watched.settled()
    assert watched.tree() == ["done/oil.md"]


def test_the_thread_looks_by_itself_and_ends(tmp_path, library):
    inbox = Inbox(tmp_path / "inbox", library, quiet_seconds=0, every_seconds=0.01)
    (tmp_path / "inbox/oil.md").write_bytes(b"Use 46S.")
    inbox.start()
    inbox.start()
    for _ in range(6000):
        if (tmp_path / "inbox/done/oil.md").exists():
            break
        library._worker.idle.wait(0.01)
        inbox._stopping.wait(0.01)
    inbox.close()
    assert (tmp_path / "inbox/done/oil.md").exists()
    assert library.submit(io.BytesIO(b"Use 46S."), "oil.md").new is False
