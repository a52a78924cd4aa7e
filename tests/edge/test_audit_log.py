"""The audit log: what is acknowledged is on disk, in order, and can be read again."""

import json
import subprocess
import sys
import threading

import pytest

from audit_logs import ANSWER, filled_log, open_log, verdict
from sfta_edge.audit.log import AuditError, UnknownRecordError
from sfta_edge.errors import ConfigError


def kinds(audit):
    return [record["kind"] for record in reversed(audit.records(limit=1000))]


def test_a_new_log_says_which_key_signs_it(tmp_path):
    with open_log(tmp_path) as audit:
        first = audit.record(1)
        assert first["kind"] == "begin"
        assert first["key"] == audit.public_key.public_bytes_raw().hex()


def test_what_was_appended_can_be_read_newest_first(tmp_path):
    with open_log(tmp_path) as audit:
        ids = [audit.append("answer", {**ANSWER, "question": f"q{n}"}) for n in range(4)]
        assert ids == [2, 3, 4, 5]
        assert [record["question"] for record in audit.records(limit=2)] == ["q3", "q2"]
        assert [record["id"] for record in audit.records(before=4, limit=2)] == [3, 2]
        assert audit.records(before=1) == []


def test_a_record_holds_its_facts_and_its_time(tmp_path):
    with open_log(tmp_path) as audit:
        record = audit.record(audit.append("answer", ANSWER))
        assert record | ANSWER == record
        assert record["time"].keys() == {"wall", "monotonic", "boot"}
        assert record["redacted"] is False


def test_the_chain_goes_on_over_files_and_over_openings(tmp_path):
    for _ in range(3):
        folder = filled_log(tmp_path, records=5, file_bytes=2000)
    assert len(list(folder.glob("*.jsonl"))) > 2
    found = verdict(tmp_path)
    assert (found.intact, found.records) == (True, 16)


def test_threads_that_append_at_once_each_get_an_id_of_their_own(tmp_path):
    ids = []
    with open_log(tmp_path) as audit:
        threads = [
            threading.Thread(
                target=lambda: ids.extend(audit.append("answer", ANSWER) for _ in range(5))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ids) == list(range(2, 42))
        assert audit.verify().intact


def test_only_one_process_writes_a_log(tmp_path):
    with open_log(tmp_path), pytest.raises(ConfigError, match="in use by sfta-edge audit"):
        open_log(tmp_path).__enter__()


def test_a_closed_log_takes_nothing_and_closes_again(tmp_path):
    with open_log(tmp_path) as audit:
        pass
    audit.close()
    with pytest.raises(AuditError, match="closed"):
        audit.append("answer", ANSWER)


@pytest.mark.parametrize(
    "odd",
    [
        {"question": "half a pair \ud800"},
        {"score": float("nan")},
        {"question": "line\nbreak\0\u2028"},
        {1: "number", "set": {"b", "a"}, "path": object},
        {"question": '","sequence":2,"'},
    ],
)
def test_no_fact_is_too_odd_to_be_recorded(tmp_path, odd):
    with open_log(tmp_path) as audit:
        audit.append("answer", odd)
        audit.redact(2, "odd", "root")
        assert audit.verify().intact


def test_an_unknown_record_is_said_to_be_unknown(tmp_path):
    with open_log(tmp_path) as audit, pytest.raises(UnknownRecordError, match="no record 9"):
        audit.redact(9, "gone", "root")


def test_files_are_closed_to_others(tmp_path):
    folder = filled_log(tmp_path)
    assert folder.stat().st_mode & 0o077 == 0
    for path in [*folder.glob("*.jsonl"), tmp_path / "data/keys/audit.pem"]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_log_that_grows_can_be_verified_from_outside(tmp_path):
    with open_log(tmp_path, file_bytes=2000) as audit:
        for _ in range(10):
            audit.append("answer", ANSWER)
            assert verdict(tmp_path).intact


WRITER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from audit_logs import ANSWER, open_log
with open_log(Path({root!r}), file_bytes=3000) as audit:
    while True:
        print(audit.append("answer", ANSWER), flush=True)
"""


@pytest.mark.parametrize("lines", [1, 3, 8, 20])
def test_a_killed_writer_loses_no_acknowledged_record(tmp_path, lines):
    program = WRITER.format(path=sys.path, root=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
        for _ in range(lines):
            last = writer.stdout.readline()
        writer.kill()
        last = int((last + writer.stdout.read()).split(b"\n")[-2])
    with open_log(tmp_path) as audit:
        found = audit.verify()
        assert found.intact, found.why
        assert found.records >= last
        assert json.dumps(audit.record(last))
