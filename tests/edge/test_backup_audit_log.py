"""The audit log through backup and restore: it is not lost, and a break in it is not healed."""

import pytest

from audit_logs import ANSWER, filled_log, open_log, verdict
from device_data import backup_of, device_data, restore_to


@pytest.fixture(name="root")
def _root(tmp_path):
    device_data(tmp_path / "device")
    return tmp_path / "device"


@pytest.fixture(name="key")
def _key(tmp_path):
    return tmp_path / "private.pem"


def test_a_log_that_was_broken_before_is_no_reason_to_lose_the_documents(tmp_path, root, key):
    path = root / "data/audit/000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"question 1", b"question 7"))
    backup_of(root, tmp_path / "b.sfta", key)
    done = restore_to(tmp_path / "other", tmp_path / "b.sfta", key)
    assert done.facts["audit"]["first_bad"] == 3
    assert verdict(tmp_path / "other").first_bad == 3


def cut_off(root):
    path = root / "data/audit/000001.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))


def lose_the_head(root):
    (root / "data/audit/head.json").unlink()


def lose_the_key(root):
    (root / "data/keys/audit.pem").unlink()
    (root / "data/keys/audit.pub").unlink()


@pytest.mark.parametrize("attack", [cut_off, lose_the_head, lose_the_key])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_backup_and_a_restore_do_not_make_a_broken_log_look_whole(
    tmp_path, root, key, attack, elsewhere
):
    attack(root)
    backup_of(root, tmp_path / "b.sfta", key)
    target = tmp_path / "other" if elsewhere else root
    done = restore_to(target, tmp_path / "b.sfta", key)
    assert done.facts["audit"]["intact"] is False
    with open_log(target) as audit:
        audit.append("answer", ANSWER)
        assert not audit.verify().intact


def test_a_present_log_that_was_changed_is_not_carried_on(tmp_path, root, key):
    backup_of(root, tmp_path / "b.sfta", key)
    filled_log(root)
    path = root / "data/audit/000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"question 1", b"question 7"))
    restore_to(root, tmp_path / "b.sfta", key)
    with open_log(root) as audit:
        assert audit.records(limit=1)[0]["missing"] == [5, 7]
        assert audit.record(3)["question"] == "question 1"


def test_a_backup_is_taken_while_the_log_turns_to_new_files_and_is_redacted(
    tmp_path, root, key
):
    with open_log(root, file_bytes=1500) as audit:
        for number in range(4):
            for _ in range(3):
                last = audit.append("answer", ANSWER)
            audit.redact(last - 1, "asked for", "root")
            backup_of(root, tmp_path / f"{number}.sfta", key)
    for number in range(4):
        target = tmp_path / str(number)
        done = restore_to(target, tmp_path / f"{number}.sfta", key)
        assert done.facts["audit"]["intact"] is True
        assert verdict(target).records == done.facts["audit"]["records"] + 1
