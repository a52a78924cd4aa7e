"""The audit log after crashes, and on disks that are full or slow."""

import errno
import os
import threading

import pytest

from audit_logs import ANSWER, filled_log, open_log, verdict
from sfta_edge.audit import files, writer
from sfta_edge.audit.log import AuditError


def kinds(audit):
    return [record["kind"] for record in reversed(audit.records(limit=1000))]


@pytest.mark.parametrize("torn", [b'{"facts":{"answer"', b"\0" * 900, b"x\n", b"{}\nhalf"])
def test_half_a_line_at_the_end_is_moved_aside_and_noted(tmp_path, torn):
    folder = filled_log(tmp_path)
    with (folder / "000001.jsonl").open("ab") as stream:
        stream.write(torn)
    with open_log(tmp_path) as audit:
        note = audit.records(limit=1)[0]
        assert (note["kind"], note["bytes"]) == ("torn", len(torn))
        assert (folder / note["file"]).read_bytes() == torn
        assert audit.append("answer", ANSWER) == 6
    assert verdict(tmp_path).intact


def test_half_a_first_line_begins_the_log_again(tmp_path):
    folder = filled_log(tmp_path)
    first = (folder / "000001.jsonl").read_bytes()[:50]
    for path in [*folder.iterdir(), tmp_path / "audit.head"]:
        path.unlink()
    (folder / "000001.jsonl").write_bytes(first)
    with open_log(tmp_path) as audit:
        assert kinds(audit) == ["begin", "torn"]
        assert audit.verify().intact


@pytest.mark.parametrize("rest", [b"", b'{"half'])
def test_a_crash_at_the_first_write_to_a_new_file_is_no_damage(tmp_path, rest):
    folder = filled_log(tmp_path)
    (folder / "000002.jsonl").write_bytes(rest)
    with open_log(tmp_path) as audit:
        audit.append("answer", ANSWER)
        assert audit.verify().intact
        assert kinds(audit).count("torn") == bool(rest)


def test_records_that_were_written_before_their_head_are_kept(tmp_path):
    folder = filled_log(tmp_path)
    head = (folder / "head.json").read_bytes()
    filled_log(tmp_path, records=2)
    (folder / "head.json").write_bytes(head)
    (tmp_path / "audit.head").write_bytes(head)
    with open_log(tmp_path) as audit:
        assert audit.append("answer", ANSWER) == 7
        assert audit.verify().intact


def test_a_crash_before_the_first_head_is_no_damage(tmp_path):
    folder = filled_log(tmp_path, records=0)
    (folder / "head.json").unlink()
    (tmp_path / "audit.head").unlink()
    with open_log(tmp_path) as audit:
        assert audit.append("answer", ANSWER) == 2
        assert audit.verify().intact


class FullDisk:
    """Stands in for ``os.fsync``: takes nothing while it is full."""

    def __init__(self):
        self.full = False

    def __call__(self, handle):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(name="disk")
def _disk(monkeypatch):
    disk = FullDisk()
    monkeypatch.setattr(files.os, "fsync", disk)
    return disk


def test_answers_go_on_when_the_disk_is_full_and_are_recorded_when_it_is_not(tmp_path, disk):
    with open_log(tmp_path) as audit:
        disk.full = True
        assert audit.append("answer", {**ANSWER, "question": "while full"}) is None
        health = audit.health()
        assert (health["writable"], health["waiting"]) == (False, 1)
        assert "No space left" in health["trouble"]
        disk.full = False
        assert audit.append("answer", ANSWER) == 3
        assert audit.record(2)["question"] == "while full"
        assert audit.health() == {"writable": True, "trouble": "", "waiting": 0, "lost": 0}
        assert audit.verify().intact


def test_what_memory_has_no_room_for_is_counted_in_a_record(tmp_path, disk, monkeypatch):
    monkeypatch.setattr("sfta_edge.audit.log._KEPT", 2)
    with open_log(tmp_path) as audit:
        disk.full = True
        for _ in range(5):
            audit.append("answer", ANSWER)
        assert audit.health()["lost"] == 3
        disk.full = False
        audit.append("answer", ANSWER)
        assert kinds(audit) == ["begin", "answer", "answer", "answer", "lost"]
        assert audit.records(limit=1)[0]["count"] == 3
        assert audit.verify().intact


def test_what_waits_is_written_at_the_end(tmp_path, disk):
    with open_log(tmp_path) as audit:
        disk.full = True
        audit.append("answer", ANSWER)
        disk.full = False
    with open_log(tmp_path) as audit:
        assert kinds(audit) == ["begin", "answer"]


def test_a_device_that_must_record_refuses_when_it_cannot(tmp_path, disk):
    with open_log(tmp_path, unwritable="refuse") as audit:
        disk.full = True
        with pytest.raises(AuditError, match="No space left"):
            audit.append("answer", ANSWER)
        with pytest.raises(AuditError, match="cannot be recorded"):
            audit.redact(1, "reason", "root")
        disk.full = False
        assert audit.append("answer", ANSWER) == 2
        assert audit.verify().intact


def test_a_head_that_cannot_be_written_takes_its_records_back(tmp_path, monkeypatch):
    real, full = writer.write_head, []

    def write_head(path, head):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, head)

    monkeypatch.setattr(writer, "write_head", write_head)
    with open_log(tmp_path) as audit:
        full.append(True)
        assert audit.append("answer", ANSWER) is None
        full.clear()
        assert audit.append("answer", ANSWER) == 3
        assert kinds(audit) == ["begin", "answer", "answer"]
        assert audit.verify().intact


def test_an_answer_does_not_wait_long_for_a_slow_disk(tmp_path, monkeypatch):
    release = threading.Event()
    real = os.fsync
    with open_log(tmp_path, patience=0.05) as audit:
        monkeypatch.setattr(files.os, "fsync", lambda handle: (release.wait(30), real(handle)))
        assert audit.append("answer", ANSWER) is None
        release.set()
    with open_log(tmp_path) as audit:
        assert kinds(audit) == ["begin", "answer"]


def test_a_witness_that_cannot_be_written_is_said_and_stops_nothing(tmp_path):
    with open_log(tmp_path, witness=tmp_path / "missing/audit.head") as audit:
        assert audit.append("answer", ANSWER) == 2
        assert "missing" in audit.health()["trouble"]


def test_a_log_opens_on_a_full_disk_and_says_so(tmp_path, disk):
    folder = filled_log(tmp_path)
    with (folder / "000001.jsonl").open("ab") as stream:
        stream.write(b"half a line")
    disk.full = True
    with pytest.raises(AuditError, match="cannot be opened"):
        open_log(tmp_path, unwritable="refuse").__enter__()
    with open_log(tmp_path) as audit:
        assert audit.health()["writable"] is False
        assert audit.append("answer", ANSWER) is None
        disk.full = False
        audit.append("answer", ANSWER)
        assert kinds(audit)[-3:] == ["torn", "answer", "answer"]
        assert audit.verify().intact
