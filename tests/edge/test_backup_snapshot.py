"""What goes into a backup, what does not, and what stops one."""

import errno
import os
import shutil
import socket
from pathlib import Path

import pytest

from device_data import backup_of, content, device_data, restore_to
from sfta_edge.backup import snapshot, writing
from sfta_edge.backup.snapshot import kept_files
from sfta_edge.backup.writing import snapshot_of
from sfta_edge.errors import ConfigError, IntegrityError


@pytest.fixture(name="data")
def _data(tmp_path):
    return device_data(tmp_path / "device")


def names(taken):
    return {entry.path for entry in taken.manifest.files}


def test_caches_scratch_files_and_side_files_stay_out(data):
    for name in (
        "cache/prefix",
        "pages/caches/1.png",
        "parsed/x",
        ".incoming1",
        "a.sqlite-wal",
    ):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert set(kept_files(data)) == {
        "audit/000001.jsonl",
        "audit/head.json",
        "files/aa",
        "keys/audit.pem",
        "keys/audit.pub",
        "notes.sqlite",
        "settings.json",
    }
    with snapshot_of(data) as taken:
        assert names(taken) == set(kept_files(data))


def test_a_snapshot_says_what_its_databases_are(data):
    with snapshot_of(data) as taken:
        assert taken.manifest.facts["databases"] == {
            "notes.sqlite": {"kind": "notes", "version": 1}
        }
        assert taken.manifest.facts["audit"]["intact"] is True


def test_files_that_are_removed_or_replaced_meanwhile_stay_what_they_were(data):
    with snapshot_of(data) as taken:
        before = (data / "files/aa").read_bytes()
        (data / "files/aa").unlink()
        (data / "settings.json.new").write_text("other")
        (data / "settings.json.new").rename(data / "settings.json")
        assert (taken.root / "files/aa").read_bytes() == before
        assert (taken.root / "settings.json").read_text() == "{}"


def test_half_a_record_of_the_log_stays_out(data):
    path = data / "audit/000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"half')
    with snapshot_of(data) as taken:
        assert (taken.root / "audit/000001.jsonl").read_bytes() == whole


def test_a_socket_is_no_file(data, monkeypatch):
    monkeypatch.chdir(data)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("worker.sock")
        with snapshot_of(data) as taken:
            assert "worker.sock" not in names(taken)


def test_a_disk_without_hard_links_is_copied(data, monkeypatch, tmp_path):
    def link(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(snapshot.os, "link", link)
    backup_of(data.parent, tmp_path / "b", tmp_path / "key.pem")
    restore_to(tmp_path / "other", tmp_path / "b", tmp_path / "key.pem")
    assert content(tmp_path / "other/data")["files/aa"] == (data / "files/aa").read_bytes()


def test_no_backup_is_begun_that_the_disk_has_no_room_for(data, monkeypatch):
    usage = shutil.disk_usage(data)._replace(free=1 << 20)
    monkeypatch.setattr(snapshot.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match="1 MiB are free"), snapshot_of(data):
        pass


def test_no_restore_is_begun_that_the_disk_has_no_room_for(data, monkeypatch, tmp_path):
    backup_of(data.parent, tmp_path / "b", tmp_path / "key.pem")
    usage = shutil.disk_usage(data)._replace(free=1 << 20)
    monkeypatch.setattr("sfta_edge.backup.restoring.shutil.disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match="needs 16 MiB, 1 MiB are free"):
        restore_to(data.parent, tmp_path / "b", tmp_path / "key.pem")


def test_data_that_are_restored_meanwhile_are_no_snapshot(data, monkeypatch):
    real = snapshot._copy_database

    def swapped(*arguments):
        facts = real(*arguments)
        data.rename(data.with_name("gone"))
        shutil.copytree(data.with_name("gone"), data)
        return facts

    monkeypatch.setattr(snapshot, "_copy_database", swapped)
    with pytest.raises(IntegrityError, match="restored meanwhile"), snapshot_of(data):
        pass


def test_a_damaged_database_is_named(data):
    (data / "bad.sqlite").write_bytes(b"no database" * 1000)
    with (
        pytest.raises(IntegrityError, match=r"bad\.sqlite cannot be copied"),
        snapshot_of(data),
    ):
        pass


def test_what_a_killed_backup_left_is_removed_and_a_running_one_is_not(data):
    left = data.parent / ".data.backup-0123"
    left.mkdir()
    (left / "copy").write_bytes(b"x")
    with snapshot_of(data) as first:
        assert not left.exists()
        with snapshot_of(data) as second:
            assert first.root.is_dir()
            assert second.root != first.root
    assert not list(data.parent.glob(".data.backup-*"))


def test_a_backup_that_reads_back_wrongly_gets_no_name(data, tmp_path, monkeypatch):
    real = writing._forget_cached

    def flip(stream):
        path = Path(f"/proc/self/fd/{stream.fileno()}").resolve()
        with path.open("r+b") as disk:
            disk.seek(-20, os.SEEK_END)
            disk.write(b"\0" * 20)
        real(stream)

    monkeypatch.setattr(writing, "_forget_cached", flip)
    with pytest.raises(IntegrityError, match="changed or cut off"):
        backup_of(data.parent, tmp_path / "b", tmp_path / "key.pem")
    assert not list(tmp_path.glob("*b*"))
