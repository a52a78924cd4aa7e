"""Files on disk: whole under their digest, or not there."""

import io
import os
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.library import originals as module
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.originals import Originals, find_original
from sfta_edge.library.refusals import DiskLowError, TooLargeError

LIMITS = StoreLimits(file_bytes=300_000, reserve_bytes=0)


@pytest.fixture
def originals(tmp_path):
    return Originals(tmp_path / "files", LIMITS)


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "files").iterdir())


def test_a_file_lies_under_the_digest_of_its_content(tmp_path, originals):
    raw = os.urandom(200_000)
    received = originals.receive(io.BytesIO(raw))
    assert (received.sha256, received.size) == (sha256(raw).hexdigest(), len(raw))
    assert raw.startswith(received.head)
    assert files(tmp_path) == [received.scratch.name]
    path = originals.keep(received)
    assert path.read_bytes() == raw
    assert path == originals.path(received.sha256)
    assert path.stat().st_mode & 0o077 == 0
    assert files(tmp_path) == [received.sha256]


class Pieces:
    """Gives what it has in pieces of any size, then an error if there is one."""

    def __init__(self, pieces, error=None):
        self.pieces, self.error = list(pieces), error

    def read(self, size):
        while self.pieces:
            if piece := self.pieces.pop(0):
                return piece
        if self.error:
            raise self.error
        return b""


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_pieces_of_any_size_make_the_same_file(tmp_path_factory, pieces):
    originals = Originals(tmp_path_factory.mktemp("files"), LIMITS)
    received = originals.receive(Pieces(pieces))
    whole = b"".join(pieces)
    assert originals.keep(received).read_bytes() == whole
    assert (received.sha256, received.size) == (sha256(whole).hexdigest(), len(whole))


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), ValueError("protocol"), KeyboardInterrupt()]
)
def test_a_sender_that_breaks_off_leaves_nothing(tmp_path, originals, error):
    with pytest.raises(type(error)):
        originals.receive(Pieces([b"half"], error))
    assert files(tmp_path) == []


def test_a_file_that_is_dropped_is_gone(tmp_path, originals):
    originals.drop(originals.receive(io.BytesIO(b"x")))
    assert files(tmp_path) == []


def test_the_limit_holds_whatever_was_announced(tmp_path, originals):
    most = LIMITS.file_bytes
    assert originals.receive(io.BytesIO(b"x" * most), most).size == most
    for announced in (None, 5, most):
        with pytest.raises(TooLargeError):
            originals.receive(io.BytesIO(b"x" * (most + 1)), announced)
    with pytest.raises(TooLargeError):
        originals.receive(io.BytesIO(b""), most + 1)


def test_space_is_looked_at_again_while_a_file_comes(tmp_path, monkeypatch):
    originals = Originals(
        tmp_path / "files", StoreLimits(file_bytes=1 << 30, reserve_bytes=1000)
    )
    free = iter([1 << 30, 1 << 30, 900])
    monkeypatch.setattr(originals, "free_bytes", lambda: next(free))
    with pytest.raises(DiskLowError, match="must stay free"):
        originals.receive(io.BytesIO(b"x" * (20 << 20)))
    assert files(tmp_path) == []


def test_a_scratch_name_that_is_taken_is_never_written_through(
    tmp_path, originals, monkeypatch
):
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    (tmp_path / "files" / f".incoming.{os.getpid()}.0").symlink_to(victim)
    with pytest.raises(FileExistsError):
        originals.receive(io.BytesIO(b"evil"))
    assert victim.read_bytes() == b"safe"


@pytest.mark.parametrize("name", ["", "../x", "a" * 63, "A" * 64, "a" * 64 + "/.."])
def test_only_a_digest_names_a_file(tmp_path, originals, name):
    with pytest.raises(ValueError, match="no digest"):
        originals.path(name)
    assert find_original(name, [tmp_path]) is None


def test_what_nobody_needs_is_removed_and_foreign_files_stay(tmp_path, originals):
    kept, gone = (originals.keep(originals.receive(io.BytesIO(raw))) for raw in (b"a", b"b"))
    (tmp_path / "files/readme.txt").write_text("by hand")
    originals.remove_others(lambda digest: digest == kept.name)
    assert files(tmp_path) == sorted([kept.name, "readme.txt"])
    originals.remove(gone.name)


def test_the_folder_is_closed_to_others(tmp_path, originals):
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0


def test_a_file_is_written_before_it_gets_its_name(originals, monkeypatch):
    steps = []
    fsync, sync = os.fsync, module.sync_folder
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("file"), fsync(handle))[1])
    monkeypatch.setattr(
        module, "sync_folder", lambda folder: (steps.append("name"), sync(folder))[1]
    )
    received = originals.receive(io.BytesIO(b"x"))
    assert steps == ["file"]
    originals.keep(received)
    assert steps[:2] == ["file", "name"]
