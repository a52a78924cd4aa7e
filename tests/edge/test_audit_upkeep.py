"""What is taken out of the audit log: words of a person, and whole files that were exported."""

import errno
from io import BytesIO

import pytest

from audit_logs import ANSWER, filled_log, open_log, verdict
from sfta_edge.audit import writer
from sfta_edge.audit.head import read_head
from sfta_edge.audit.log import AuditError
from sfta_edge.audit.verification import verify_export
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.signature import generate_key, load_public_key


def exported(root):
    stream = BytesIO()
    with open_log(root) as audit:
        audit.export(stream)
    return stream.getvalue().splitlines(keepends=True)


def test_a_redaction_deletes_the_words_and_keeps_the_chain(tmp_path):
    folder = filled_log(tmp_path, records=6, file_bytes=2500)
    with open_log(tmp_path, file_bytes=2500) as audit:
        audit.redact(3, "asked for by the person", "root")
        record = audit.record(3)
        assert record["redacted"] is True
        assert not {"user", "question", "answer", "citations"} & record.keys()
        assert record["chunks"] == ["oil", "noise"]
        last = audit.records(limit=1)[0]
        assert (last["kind"], last["of"], last["reason"], last["user"]) == (
            "redact",
            3,
            "asked for by the person",
            "root",
        )
        assert audit.verify().intact
        assert audit.append("answer", ANSWER) == 9
    assert b"question 1" not in b"".join(path.read_bytes() for path in folder.iterdir())
    assert verdict(tmp_path).intact


def test_a_record_can_be_redacted_twice_and_in_the_file_that_grows(tmp_path):
    with open_log(tmp_path) as audit:
        audit.append("answer", ANSWER)
        for _ in range(2):
            audit.redact(2, "again", "root")
        audit.append("answer", ANSWER)
        assert audit.verify().intact
        assert verdict(tmp_path).records == 5


def test_a_redaction_needs_a_reason(tmp_path):
    with open_log(tmp_path) as audit, pytest.raises(ConfigError, match="reason"):
        audit.redact(1, "  ", "root")


def test_a_redaction_that_a_crash_cut_off_is_carried_out_when_the_log_is_opened(
    tmp_path, monkeypatch
):
    folder = filled_log(tmp_path)
    with open_log(tmp_path) as audit, monkeypatch.context() as patch:
        patch.setattr(writer, "replace_record", lambda *_: None)
        audit.redact(3, "asked for", "root")
    assert b"question 1" in (folder / "000001.jsonl").read_bytes()
    with open_log(tmp_path) as audit:
        assert audit.record(3)["redacted"]
    assert b"question 1" not in (folder / "000001.jsonl").read_bytes()
    assert verdict(tmp_path).intact


def test_a_redaction_that_the_disk_refused_is_done_before_anything_else(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    filled_log(tmp_path)
    with open_log(tmp_path) as audit:
        with monkeypatch.context() as patch:
            patch.setattr(writer, "replace_record", full)
            with pytest.raises(AuditError, match="No space left"):
                audit.redact(3, "asked for", "root")
        audit.append("answer", ANSWER)
        assert audit.record(3)["redacted"]
        assert audit.verify().intact


def test_an_export_is_verified_without_the_device(tmp_path):
    filled_log(tmp_path, records=6, file_bytes=2500)
    lines = exported(tmp_path)
    found = verify_export(lines, load_public_key(tmp_path / "data/keys/audit.pub"))
    assert (found.intact, found.records) == (True, 7)
    assert len(lines) == 9


@pytest.mark.parametrize("place", range(1, 9))
def test_an_export_without_one_of_its_lines_is_found(tmp_path, place):
    filled_log(tmp_path, records=6)
    lines = exported(tmp_path)
    del lines[place]
    assert not verify_export(lines).intact


@pytest.mark.parametrize("start", [b"", b"{}\n", b"[1]\n", b'{"export":"other","key":"00"}\n'])
def test_what_does_not_begin_as_an_export_is_none(tmp_path, start):
    filled_log(tmp_path)
    with pytest.raises(IntegrityError, match="no export"):
        verify_export([start, *exported(tmp_path)[1:]])


def test_an_export_of_another_device_is_refused(tmp_path):
    filled_log(tmp_path)
    generate_key(tmp_path / "other.pem", tmp_path / "other.pub")
    with pytest.raises(IntegrityError, match="another device"):
        verify_export(exported(tmp_path), load_public_key(tmp_path / "other.pub"))


def test_whole_files_that_were_exported_can_be_dropped(tmp_path):
    folder = filled_log(tmp_path, records=9, file_bytes=2500)
    lines = exported(tmp_path)
    before = len(list(folder.glob("*.jsonl")))
    with open_log(tmp_path) as audit:
        dropped = audit.drop(lines, "root")
        assert dropped > 3
        assert audit.records(limit=1)[0]["through"] == dropped
        assert audit.verify().intact
        assert audit.drop(lines, "root") == 0
    assert len(list(folder.glob("*.jsonl"))) < before
    again = verdict(tmp_path)
    assert again.intact
    assert verify_export(exported(tmp_path)).intact
    (folder / min(path.name for path in folder.glob("*.jsonl"))).unlink()
    assert not verdict(tmp_path).intact


def test_a_damaged_export_drops_nothing(tmp_path):
    filled_log(tmp_path, records=9, file_bytes=2500)
    lines = exported(tmp_path)
    with (
        open_log(tmp_path) as audit,
        pytest.raises(IntegrityError, match="damaged at record 3"),
    ):
        audit.drop([*lines[:3], *lines[4:]], "root")
    assert verdict(tmp_path).records == 10


def test_files_that_changed_since_the_export_are_kept(tmp_path):
    filled_log(tmp_path, records=9, file_bytes=2500)
    lines = exported(tmp_path)
    with open_log(tmp_path) as audit:
        audit.redact(2, "asked for", "root")
        assert audit.drop(lines, "root") == 0


def test_the_head_follows_the_log(tmp_path):
    folder = filled_log(tmp_path)
    key = load_public_key(tmp_path / "data/keys/audit.pub")
    assert read_head(folder / "head.json", key) == read_head(tmp_path / "audit.head", key)
