"""The file is written once, for its owner alone, and never over another one."""

import io
import json
import os
import stat
import zipfile

import pytest
from click.testing import CliRunner

from audit_logs import filled_log
from sfta_edge.cli.main import cli
from sfta_edge.diagnostics import collection, packing
from sfta_edge.diagnostics.packing import packed, write_new
from sfta_edge.errors import ConfigError


def run(*arguments):
    done = CliRunner().invoke(cli, ["diagnostics", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_the_same_parts_are_the_same_bytes_in_any_order():
    parts = {"b.json": b"2", "a.json": b"1" * 1000}
    whole = packed(parts)
    assert whole == packed(dict(reversed(parts.items())))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == parts


def test_the_file_is_for_its_owner_alone_and_nothing_lies_beside_it(tmp_path):
    old = os.umask(0)
    try:
        write_new(tmp_path / "x.zip", b"content")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x.zip").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def a_file(path):
    path.write_bytes(b"mine")


def a_link(path):
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make", [a_file, a_link])
def test_what_is_there_is_not_replaced(tmp_path, make):
    make(tmp_path / "x.zip")
    with pytest.raises(ConfigError, match="already there"):
        run(tmp_path / "x.zip", "--root", tmp_path / "none", "--no-doctor")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_name_that_is_taken_while_it_is_written_is_not_replaced(tmp_path, monkeypatch):
    real = os.fsync

    def take(handle):
        a_file(tmp_path / "x.zip")
        real(handle)

    monkeypatch.setattr(packing.os, "fsync", take)
    with pytest.raises(ConfigError, match="already there"):
        write_new(tmp_path / "x.zip", b"content")
    assert (tmp_path / "x.zip").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_a_stick_that_knows_no_links_is_written_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(packing.os, "link", refuse)
    write_new(tmp_path / "x.zip", b"content")
    assert (tmp_path / "x.zip").read_bytes() == b"content"


def test_a_full_stick_leaves_nothing(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_new(tmp_path / "x.zip", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said_before_anything_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "collected", None)
    with pytest.raises(ConfigError, match="there is no folder"):
        run(tmp_path / "none/x.zip", "--root", tmp_path)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_says_what_it_wrote_and_what_it_could_not(tmp_path, as_json):
    out = tmp_path / "x.zip"
    filled_log(tmp_path / "root")
    done = run(
        out, "--root", tmp_path / "root", "--no-doctor", *(["--json"] if as_json else [])
    )
    with zipfile.ZipFile(out) as archive:
        assert {"left-out.json", "status.json", "README.txt"} <= set(archive.namelist())
    if as_json:
        told = json.loads(done.stdout)
        assert told["bytes"] == out.stat().st_size
        assert "jobs.json" in told["problems"]
    else:
        assert f"{out}: 12 parts" in done.stdout
        assert "jobs.json could not be made" in done.stderr
