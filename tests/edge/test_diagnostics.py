"""One file for a technician: made of a healthy device, of a broken one, and of none at all."""

import json
import os
import sys
from contextlib import closing

import apsw
import pytest

from device_data import device_data
from sfta_edge import appliance
from sfta_edge.diagnostics import databases, hardware
from sfta_edge.diagnostics.collection import SCHEMA, Wanted, collected
from sfta_edge.diagnostics.examination import Doctor
from sfta_edge.errors import IntegrityError
from sfta_edge.slots import STATE, active_slot

QUIET = Wanted(doctor=None)
ALL = {
    "audit.json", "databases.json", "hardware.json", "jobs.json", "left-out.json", "llama.json",
    "manifest.json", "metrics.json", "packages.json", "README.txt", "settings.json", "status.json",
}  # fmt: skip


def parts_of(root, wanted=QUIET):
    made = collected(root, wanted)
    return {name: json.loads(raw) for name, raw in made.items() if name.endswith(".json")}


def test_every_part_is_there_and_the_list_has_a_schema(device_root):
    device_data(device_root)
    made = collected(device_root, QUIET)
    assert set(made) == ALL
    assert json.loads(made["left-out.json"])["schema"] == SCHEMA


def test_a_healthy_device_tells_what_is_installed_and_how_whole_it_is(device_root):
    device_data(device_root)
    parts = parts_of(device_root)
    manifest = parts["manifest.json"]
    assert manifest["digest"] == parts["status.json"]["slots"]["a"]["digest"]
    assert manifest["sha256"] == parts["status.json"]["slots"]["a"]["manifest"]
    assert {"path": "prompt.json"}.items() <= manifest["files"][-1].items()
    assert manifest["facts"]["compat"]["system"] == ["linux"]
    assert parts["audit.json"]["intact"] is True
    assert set(parts["databases.json"]) >= {"bundle knowledge/knowledge.sqlite"}
    assert parts["llama.json"]["binding"]
    assert parts["hardware.json"]["cores"] >= 1


def test_nothing_of_the_device_is_changed(device_root):
    data = device_data(device_root)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    collected(device_root, QUIET)
    after = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert after == before


def damaged_state(root):
    (root / STATE).write_bytes(b"\0" * 40)


def no_bundle(root):
    (active_slot(root) / "manifest.json").unlink()


def folder_in_place_of_a_manifest(root):
    path = active_slot(root) / "manifest.json"
    path.unlink()
    path.mkdir()


def broken_manifest(root):
    (active_slot(root) / "manifest.json").write_text("[" * 60_000)


def damaged_database(root):
    path = root / "data/jobs.sqlite"
    path.write_bytes(b"SQLite format 3\0" + os.urandom(8000))


def edited_log(root):
    (path,) = (root / "data/audit").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"question 1", b"question X"))


def lost_key(root):
    (root / "data/keys/audit.pub").unlink()


BROKEN = {
    damaged_state: ("status.json", "problem", "state.json"),
    no_bundle: ("manifest.json", "problem", "no bundle"),
    folder_in_place_of_a_manifest: ("settings.json", "problem", "no bundle"),
    broken_manifest: ("manifest.json", "problem", "manifest is not readable"),
    damaged_database: ("jobs.json", "problem", "is damaged"),
    edited_log: ("audit.json", "why", "changed"),
    lost_key: ("audit.json", "problem", "audit"),
}


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_what_is_broken_says_so_in_its_place_and_hides_nothing_else(device_root, damage):
    device_data(device_root)
    damage(device_root)
    parts = parts_of(device_root)
    part, field, said = BROKEN[damage]
    assert said in parts[part][field]
    assert {f"{name}" for name in parts} == ALL - {"README.txt"}
    assert parts["hardware.json"]["memory"] > 0
    assert parts["packages.json"]["apsw"]
    if field == "problem":
        assert part in parts["left-out.json"]["problems"]


def test_a_damaged_page_is_told_by_sqlites_own_check(tmp_path):
    path = tmp_path / "data/x.sqlite"
    path.parent.mkdir()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE facts (a TEXT, b); CREATE INDEX i ON facts (a)")
        connection.execute("INSERT INTO facts VALUES ('x', 1), ('y', 2)")
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'i'")
    (told,) = [
        each
        for name, each in parts_of(tmp_path)["databases.json"].items()
        if "bundle" not in name
    ]
    assert told["integrity_check"] != ["ok"]
    assert told["bytes"]["file"] == path.stat().st_size


def test_a_part_that_fails_as_nobody_foresaw_is_told_as_well(tmp_path, monkeypatch):
    def fail():
        raise ZeroDivisionError("division by zero in /srv/anna")

    monkeypatch.setattr(hardware, "hardware", fail)
    parts = parts_of(tmp_path)
    assert parts["hardware.json"]["problem"].startswith("ZeroDivisionError: ")
    assert "anna" not in str(parts)


def test_a_device_that_serves_can_be_looked_at(device_root):
    """Somebody writes meanwhile: the file is read as it is, with what is in the write-ahead log."""
    data = device_data(device_root)
    with closing(apsw.Connection(str(data / "notes.sqlite"))) as writer:
        writer.execute("BEGIN IMMEDIATE; INSERT INTO notes (text) VALUES ('x')")
        told = databases.examined(data / "notes.sqlite")
        assert told["integrity_check"] == ["ok"]
        assert told["rows"]["notes"] == 2
        writer.execute("ROLLBACK")


def test_what_only_the_write_ahead_log_has_is_read_too(tmp_path):
    path = tmp_path / "x.sqlite"
    with closing(apsw.Connection(str(path))) as writer:
        writer.pragma("journal_mode", "wal")
        writer.execute("CREATE TABLE facts (a); INSERT INTO facts VALUES (1), (2)")
        assert databases.examined(path)["rows"] == {"facts": 2}
        assert set(databases.sizes(path)) == {"file", "wal", "shm"}


def test_a_file_that_vanishes_while_it_is_counted_is_not_counted(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("os.walk", lambda folder: [(str(folder), [], ["gone"])])
    assert parts_of(tmp_path)["metrics.json"]["files"] == {".": {"files": 0, "bytes": 0}}


def test_what_is_read_only_is_never_made(tmp_path):
    with pytest.raises(IntegrityError, match="is missing"):
        databases.examined(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_the_bundles_knowledge_is_where_the_appliance_looks():
    assert databases.BUNDLE_KNOWLEDGE == appliance.KNOWLEDGE


DOCTORS = {
    "kill -SEGV $$": "SIGSEGV",
    "exit 3": "ended with 3",
    "echo '[]'": "no findings",
    "echo '{\"findings\": [1]}'": "no findings",
    "sleep 60": "did not end",
}


@pytest.mark.parametrize("script", DOCTORS)
def test_a_doctor_that_dies_or_hangs_is_a_finding(tmp_path, script):
    path = tmp_path / "doctor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    parts = parts_of(tmp_path, Wanted(doctor=Doctor((str(path),), seconds=0.5)))
    assert DOCTORS[script] in parts["doctor.json"]["problem"] or script == "exit 3"
    assert "doctor.json" in parts["left-out.json"]["problems"]


def test_the_real_doctor_is_asked(tmp_path):
    (bundle,) = [
        each for each in parts_of(tmp_path, Wanted())["doctor.json"] if each["part"] == "bundle"
    ]
    assert (bundle["ok"], bundle["exit_code"]) == (False, 2)
    assert bundle["detail"] == "nothing is installed in ROOT"


def test_a_log_and_metrics_are_added_where_somebody_gives_them(tmp_path):
    (tmp_path / "log").write_text("WARNING sfta_edge: the disk is full\n" * 900)
    (tmp_path / "metrics").write_text("not metrics {\n")
    wanted = Wanted("", tmp_path / "log", tmp_path / "metrics", None)
    parts = parts_of(tmp_path / "root", wanted)
    assert parts["log.json"] == ["WARNING sfta_edge: the disk is full"] * 500
    assert "problem" in parts["metrics.json"]
    assert "log lines" not in parts["left-out.json"]["left_out"]


def test_nothing_that_needs_a_newer_processor_is_loaded(tmp_path):
    import subprocess

    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from sfta_edge.diagnostics.collection import Wanted, collected\n"
        "collected(Path(sys.argv[1]), Wanted(doctor=None))\n"
        "heavy = {'numpy', 'llama_cpp', 'flask'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
