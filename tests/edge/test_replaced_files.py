"""A file is replaced as a whole or not at all, whatever interrupts the writing."""

import os
from pathlib import Path

import pytest

from sfta_edge.manifest import (
    write_durably,
)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "state.json"
    for content in (b"old", b"new and longer", b""):
        write_durably(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


class PowerCut(BaseException):
    """Ends the write at once."""


def at_fsync(monkeypatch):
    def cut(_handle):
        raise PowerCut

    monkeypatch.setattr(os, "fsync", cut)


def at_rename(monkeypatch):
    def cut(_self, _target):
        raise PowerCut

    monkeypatch.setattr(Path, "replace", cut)


def when_the_disk_is_full(monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize("crash", [at_fsync, at_rename, when_the_disk_is_full])
def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path, monkeypatch, crash):
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    with monkeypatch.context() as broken:
        crash(broken)
        with pytest.raises((PowerCut, OSError)):
            write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    order = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(handle):
        order.append("fsync " + Path(f"/proc/self/fd/{handle}").readlink().name)
        real_fsync(handle)

    def replace(self, target):
        order.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_durably(tmp_path / "a", b"content")
    assert order == [f"fsync .a.{os.getpid()}", "rename", f"fsync {tmp_path.name}"]
