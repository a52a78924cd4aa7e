"""Whoever changes the audit log is found: one test per way of changing it."""

import json
import shutil
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_logs import ANSWER, filled_log, open_log, verdict
from sfta_edge.audit.head import Head, write_head
from sfta_edge.audit.record import Record, spell
from sfta_edge.errors import IntegrityError


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def changed(line, **facts):
    return spell(json.loads(line) | facts) + b"\n"


def edit_a_fact(folder):
    path = folder / "000001.jsonl"
    all_lines = lines(path)
    all_lines[2] = changed(all_lines[2], facts={"refused": True})
    path.write_bytes(b"".join(all_lines))


def edit_a_personal_field(folder):
    path = folder / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"question 1"', b'"question 7"'))


def take_out_a_field_without_a_redaction(folder):
    path = folder / "000001.jsonl"
    all_lines = lines(path)
    all_lines[2] = Record.from_line(all_lines[2]).without_private().to_line()
    path.write_bytes(b"".join(all_lines))


def delete_a_record(folder):
    path = folder / "000001.jsonl"
    all_lines = lines(path)
    del all_lines[2]
    path.write_bytes(b"".join(all_lines))


def repeat_a_record(folder):
    path = folder / "000001.jsonl"
    all_lines = lines(path)
    path.write_bytes(b"".join([*all_lines[:2], all_lines[1], *all_lines[2:]]))


def swap_two_records(folder):
    path = folder / "000001.jsonl"
    first, second, third, *rest = lines(path)
    path.write_bytes(b"".join([first, third, second, *rest]))


def cut_off_the_tail(folder):
    path = folder / "000001.jsonl"
    path.write_bytes(b"".join(lines(path)[:2]))


def cut_off_half_a_record(folder):
    path = folder / "000001.jsonl"
    path.write_bytes(path.read_bytes()[:-10])


def add_an_empty_line(folder):
    path = folder / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n\n", 3))


def forge_with_another_key(folder):
    path = folder / "000001.jsonl"
    last = Record.from_line(lines(path)[-1])
    key = Ed25519PrivateKey.generate()
    record = Record.make((last.sequence + 1, last.digest), "answer", {}, ANSWER).signed(key)
    path.write_bytes(path.read_bytes() + record.to_line())
    write_head(folder / "head.json", Head.of(record, key))


def remove_the_head(folder):
    (folder / "head.json").unlink()


def remove_the_first_record(folder):
    path = folder / "000001.jsonl"
    path.write_bytes(b"".join(lines(path)[1:]))


def remove_all_files(folder):
    (folder / "000001.jsonl").unlink()


def remove_everything(folder):
    shutil.rmtree(folder)
    folder.mkdir()


ATTACKS = {
    edit_a_fact: (3, "signature"),
    edit_a_personal_field: (3, "question was changed"),
    take_out_a_field_without_a_redaction: (3, "deleted without a redaction"),
    delete_a_record: (3, "record 3 is missing"),
    repeat_a_record: (3, "record 3 is missing"),
    swap_two_records: (2, "record 2 is missing"),
    cut_off_the_tail: (3, "records 3 to 5 are missing"),
    cut_off_half_a_record: (5, "no record"),
    add_an_empty_line: (2, "no record"),
    forge_with_another_key: (6, "head of the audit log"),
    remove_the_head: (6, "head is missing"),
    remove_the_first_record: (1, "begins with record 2"),
    remove_all_files: (1, "records 1 to 5 are missing"),
    remove_everything: (1, "records 1 to 5 are missing"),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_found_at_its_record(tmp_path, attack):
    folder = filled_log(tmp_path, records=4)
    assert verdict(tmp_path).intact
    attack(folder)
    found = verdict(tmp_path)
    assert not found.intact
    assert found.first_bad == ATTACKS[attack][0]
    assert ATTACKS[attack][1] in found.why


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_still_found_when_the_log_went_on_after_it(tmp_path, attack):
    attack(filled_log(tmp_path, records=4))
    with open_log(tmp_path) as audit:
        audit.append("answer", ANSWER)
        assert not audit.verify().intact
    assert not verdict(tmp_path).intact


def test_swapped_files_are_found(tmp_path):
    folder = filled_log(tmp_path, records=8, file_bytes=1500)
    first, second = folder / "000001.jsonl", folder / "000002.jsonl"
    spare = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(spare)
    assert not verdict(tmp_path).intact


def test_a_missing_first_file_is_found(tmp_path):
    folder = filled_log(tmp_path, records=8, file_bytes=1500)
    (folder / "000001.jsonl").unlink()
    assert verdict(tmp_path).first_bad == 1


def test_an_older_copy_of_the_files_does_not_fit_its_head(tmp_path):
    folder = filled_log(tmp_path)
    older = (folder / "000001.jsonl").read_bytes()
    filled_log(tmp_path)
    (folder / "000001.jsonl").write_bytes(older)
    assert verdict(tmp_path).first_bad == 5


def test_an_older_copy_of_the_log_with_its_head_does_not_fit_the_witness(tmp_path):
    folder = filled_log(tmp_path)
    shutil.copytree(folder, tmp_path / "older")
    filled_log(tmp_path)
    shutil.rmtree(folder)
    (tmp_path / "older").rename(folder)
    assert verdict(tmp_path).first_bad == 5
    with open_log(tmp_path) as audit:  # and it stays found: the chain goes on after the gap
        assert audit.append("answer", ANSWER) == 9
    assert verdict(tmp_path).first_bad == 5


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_changed_byte_is_found(tmp_path, data):
    root = tmp_path / "device"
    if not root.exists():
        root.mkdir()
        with open_log(root, file_bytes=2500) as audit:
            for number in range(6):
                audit.append("answer", {**ANSWER, "score": number / 7})
            audit.redact(3, "asked for", "root")
    folder = root / "data/audit"
    path = data.draw(st.sampled_from(sorted([*folder.glob("*.jsonl"), folder / "head.json"])))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    path.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])
    try:
        assert not verdict(root).intact
    finally:
        path.write_bytes(whole)
    assert verdict(root).intact


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_refused(raw):
    with suppress(IntegrityError):
        assert Record.from_line(raw).to_line() == raw
