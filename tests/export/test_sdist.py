"""The source archive is the pinned one or it is not used, and it is unpacked once."""

import hashlib
import io
import subprocess
import sys
import tarfile

import pytest

from sfta_edge.errors import IntegrityError, ToolError
from sfta_export import sdist
from sfta_export.sdist import Pin, checked, fetch, unpack


def pin_of(raw, name="demo-1.0.tar.gz"):
    return Pin("sfta-no-such-package", "1.0", name, hashlib.sha256(raw).hexdigest(), 1)


def make_archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture
def archive(tmp_path):
    members = {
        "demo-1.0/PKG-INFO": b"Name: demo",
        "demo-1.0/vendor/llama.cpp/CMakeLists.txt": b"project(x)",
        "demo-1.0/vendor/llama.cpp/models/big.gguf": b"fixture",
        "demo-1.0/vendor/llama.cpp/.git": b"gitdir: elsewhere",
    }
    return make_archive(tmp_path / "demo-1.0.tar.gz", members)


def test_a_given_archive_with_the_pinned_bytes_is_used_where_it_is(archive, tmp_path):
    pin = pin_of(archive.read_bytes())
    assert fetch(pin, tmp_path / "nowhere", archive) == archive


def test_a_given_archive_with_other_bytes_is_refused(archive):
    pin = pin_of(archive.read_bytes())
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(IntegrityError, match=pin.sha256) as caught:
        checked(pin, archive)
    assert pin.file in caught.value.hint


def test_a_missing_archive_is_said_so(tmp_path):
    with pytest.raises(IntegrityError, match="cannot read"):
        checked(pin_of(b""), tmp_path / "absent.tar.gz")


def test_an_archive_from_an_earlier_try_is_not_downloaded_again(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert fetch(pin_of(archive.read_bytes()), tmp_path) == archive


def test_a_download_that_fails_names_the_way_without_an_index(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ToolError, match="could not download sfta-no-such-package") as caught:
        fetch(pin_of(b"x"), tmp_path)
    assert "--archive" in caught.value.hint


def test_a_damaged_archive_of_an_earlier_try_is_downloaded_again(
    archive, tmp_path, monkeypatch
):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    pin = pin_of(archive.read_bytes())
    archive.write_bytes(b"half")
    with pytest.raises(ToolError, match="download"):
        fetch(pin, tmp_path)


def test_unpacking_gives_the_top_folder_without_what_the_build_does_not_need(archive, tmp_path):
    top = unpack(archive, tmp_path / "source")
    files = sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())
    assert top.name == "demo-1.0"
    assert files == ["PKG-INFO", "vendor/llama.cpp/CMakeLists.txt"]


def test_unpacking_happens_once(archive, tmp_path):
    first = unpack(archive, tmp_path / "source")
    (first / "mark").touch()
    assert (unpack(archive, tmp_path / "source") / "mark").exists()


def test_what_an_interrupted_unpacking_left_is_not_used(archive, tmp_path):
    left = tmp_path / "source.part"
    left.mkdir()
    (left / "half").touch()
    top = unpack(archive, tmp_path / "source")
    assert [p.name for p in (tmp_path / "source").iterdir()] == [top.name]


def test_a_member_that_would_land_outside_is_refused(tmp_path):
    members = {"demo-1.0/ok": b"", "demo-1.0/../../outside": b"evil"}
    archive = make_archive(tmp_path / "evil.tar.gz", members)
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "deep" / "source")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "deep" / "outside").exists()


def test_an_absolute_member_lands_inside(tmp_path):
    outside = tmp_path / "absolute"
    members = {"demo-1.0/ok": b"", str(outside): b"evil"}
    with pytest.raises(IntegrityError, match="2 top folders"):
        unpack(make_archive(tmp_path / "evil.tar.gz", members), tmp_path / "source")
    assert not outside.exists()


def test_a_truncated_archive_is_an_integrity_error(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "source")


def test_an_archive_with_two_top_folders_is_refused(tmp_path):
    archive = make_archive(tmp_path / "two.tar.gz", {"a/x": b"", "b/x": b""})
    with pytest.raises(IntegrityError, match="2 top folders"):
        unpack(archive, tmp_path / "source")


LINKS = [
    ("demo-1.0/a", tarfile.SYMTYPE, "../../etc/passwd"),
    ("demo-1.0/a", tarfile.SYMTYPE, "/etc/passwd"),
    ("demo-1.0/a", tarfile.LNKTYPE, "../elsewhere"),
    ("demo-1.0/a", tarfile.CHRTYPE, ""),
    ("demo-1.0/a", tarfile.FIFOTYPE, ""),
]


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize(("name", "kind", "linked"), LINKS)
def test_links_outside_and_devices_are_refused_by_any_python(
    tmp_path, monkeypatch, name, kind, linked, filters
):
    if not filters:
        monkeypatch.setattr(sdist, "_FILTER", {})
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, linked
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        tar.addfile(entry)
    with pytest.raises(IntegrityError, match="would land outside"):
        unpack(tmp_path / "evil.tar.gz", tmp_path / "source")
    assert not (tmp_path / "source").exists()


def test_a_python_without_filters_unpacks_the_same(archive, tmp_path):
    """Debian 12's own Python is one."""
    program = (
        "import sys, tarfile; vars(tarfile).pop('data_filter', None)\n"
        "from pathlib import Path; from sfta_export.sdist import _FILTER, unpack\n"
        "assert _FILTER == {}; unpack(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(archive), str(tmp_path / "old")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    unpack(archive, tmp_path / "new")
    trees = [
        {p.relative_to(tmp_path / side): p.read_bytes()
         for p in (tmp_path / side).rglob("*") if p.is_file()}
        for side in ("old", "new")
    ]  # fmt: skip
    assert trees[0] == trees[1] != {}
