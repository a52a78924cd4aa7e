"""What the library does not take in, and how it waits for a disk that is full."""

import errno
import io
import os

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opened_libraries import NOISE, finish, hand_in
from sfta_edge.library import desk as desk_module
from sfta_edge.library.job import Place
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.names import checked_name, checked_place
from sfta_edge.library.refusals import (
    BadNameError,
    DiskLowError,
    QueueFullError,
    TooLargeError,
    UnreadKindError,
)


@pytest.mark.parametrize(
    ("raw", "name", "reason"),
    [
        (b"", "a.txt", "no bytes"),
        (b"\x89PNG\r\n\x1a\n", "a.png", "picture"),
        (b"\x7fELF" + b"\0" * 60, "a.txt", "a program"),
        (b"plain text", "a.pdf", "not what it holds"),
        (b"plain text", "a.docx", "not what it holds"),
        (b"PK\x03\x04", "a.xlsx", "not read"),
        (b"\xd0\xcf\x11\xe0" * 9, "a.doc", "old or an encrypted"),
        (b"{\\rtf1}", "a.rtf", "rich text"),
    ],
)
def test_a_kind_that_is_not_read_is_refused_at_once(tmp_path, library, raw, name, reason):
    with pytest.raises(UnreadKindError, match=reason):
        hand_in(library, raw, name)
    assert list((tmp_path / "data/files").iterdir()) == library.jobs() == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "../a.md",
        "a/../../b.md",
        "/etc/passwd",
        "..\\a.md",
        "a//b.md",
        "a\0.md",
        "a\n.md",
        "x" * 256,
        "a/",
        "\u202efdp.md",
        "\ud800.md",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(library, name):
    with pytest.raises(BadNameError):
        hand_in(library, name=name)
    assert library.jobs() == []


@given(st.text(max_size=300))
def test_any_text_is_a_name_inside_its_folder_or_none(text):
    try:
        name = checked_name(text)
    except BadNameError:
        return
    assert not set(name.split("/")) & {"", ".", ".."}
    assert checked_name(name) == name


@given(st.text(max_size=30), st.lists(st.text(max_size=8), max_size=4))
def test_a_place_is_spelled_in_one_way(collection, groups):
    try:
        place = checked_place(collection, ",".join(groups))
    except BadNameError:
        return
    assert checked_place(place.collection, place.access) == place
    assert checked_place(collection, ",".join(reversed(groups))) == place


def test_a_long_label_is_refused():
    assert checked_place("", " b ,a, b") == Place("", "a,b")
    with pytest.raises(BadNameError, match="collection"):
        checked_place("x" * 101, "")
    with pytest.raises(BadNameError, match="group"):
        checked_place("", "x" * 101)


def test_a_file_that_is_too_long_is_refused_as_soon_as_that_is_known(tmp_path, opened_library):
    library = opened_library(
        tmp_path / "data", store_limits=StoreLimits(file_bytes=1000, reserve_bytes=0)
    )

    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return b"x" * size

    source = Endless()
    with pytest.raises(TooLargeError):
        library.submit(source, "a.txt")
    assert source.given < 1 << 20
    with pytest.raises(TooLargeError):
        library.submit(io.BytesIO(b"x"), "a.txt", expected=5000)
    assert list((tmp_path / "data/files").iterdir()) == []


def test_only_so_many_files_wait(tmp_path, opened_library):
    library = opened_library(
        tmp_path / "data", store_limits=StoreLimits(waiting=2, reserve_bytes=0)
    )
    for number in range(2):
        hand_in(library, b"text %d" % number, f"{number}.txt")
    with pytest.raises(QueueFullError, match="2 files wait"):
        hand_in(library)


def test_below_the_reserve_nothing_is_taken_in(tmp_path, opened_library):
    library = opened_library(tmp_path / "data", store_limits=StoreLimits(reserve_bytes=1 << 60))
    with pytest.raises(DiskLowError, match="must stay free"):
        hand_in(library)
    assert library.jobs() == []


def test_a_device_that_only_reads_takes_nothing_and_removes_nothing(library):
    job = hand_in(library).job
    finish(library)
    library.read_only = True
    with pytest.raises(DiskLowError, match="only reads"):
        hand_in(library, NOISE, "noise.md")
    with pytest.raises(DiskLowError, match="only reads"):
        library.remove(job.document_id)


def test_a_disk_that_fills_up_while_a_file_comes_leaves_nothing(tmp_path, library, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskLowError, match="the disk is full"):
        hand_in(library)
    monkeypatch.undo()
    assert list((tmp_path / "data/files").iterdir()) == library.jobs() == []
    assert hand_in(library).new


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), apsw.FullError("full"), DiskLowError("low")]
)
def test_a_job_waits_for_space_and_goes_on_by_itself(tmp_path, library, monkeypatch, error):
    write, tries = desk_module.write_document, []

    def full_twice(*args):
        tries.append(library.jobs()[0].state)
        if len(tries) < 3:
            raise error
        write(*args)

    monkeypatch.setattr(desk_module, "write_document", full_twice)
    job = hand_in(library).job
    finish(library)
    assert tries == ["running"] * 3
    assert library.job(job.id).state == "done"
    assert library.job(job.id).error is None
    # What was computed before the disk was full was not computed again.
    assert len(library._desk._indexer.embedder.calls) == 1


def test_whatever_goes_wrong_with_one_file_the_next_one_is_read(library, monkeypatch):
    write, calls = desk_module.write_document, []

    def broken_once(*args):
        calls.append(args)
        if len(calls) == 1:
            raise RuntimeError("a defect")
        write(*args)

    monkeypatch.setattr(desk_module, "write_document", broken_once)
    first, second = hand_in(library).job, hand_in(library, NOISE, "noise.md").job
    finish(library)
    assert "RuntimeError" in library.job(first.id).error
    assert library.job(second.id).state == "done"
