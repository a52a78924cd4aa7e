"""``sfta-edge audit``: verify, export, show, redact, drop."""

import json

import pytest
from click.testing import CliRunner

from audit_logs import filled_log, open_log, verdict
from sfta_edge.cli.audit import command
from sfta_edge.errors import ConfigError, IntegrityError


@pytest.fixture(name="root")
def _root(tmp_path):
    filled_log(tmp_path, records=9, file_bytes=2500)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    if result.exception is not None:
        raise result.exception
    return result


def test_an_intact_log_is_said_to_be_intact(root):
    assert run("verify", "--root", root).stdout == "intact: 10 records, the last is 10\n"
    assert json.loads(run("verify", "--root", root, "--json").stdout)["intact"] is True


def test_a_broken_log_ends_with_an_integrity_error(root):
    path = root / "data/audit/000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"question 1", b"question 7"))
    with pytest.raises(IntegrityError, match="broken at record 3") as error:
        run("verify", "--root", root)
    assert error.value.exit_code == 4


def test_an_export_is_verified_alone(root, tmp_path):
    out, public = tmp_path / "out.jsonl", root / "data/keys/audit.pub"
    assert "10 records" in run("export", out, "--root", root).stdout
    assert "intact: 10" in run("verify", out, "--root", tmp_path / "nothing").stdout
    assert "intact: 10" in run("verify", out, "--key", public).stdout
    out.write_bytes(out.read_bytes().replace(b"2000", b"3000"))
    with pytest.raises(IntegrityError, match="broken at record 2"):
        run("verify", out)
    with pytest.raises(ConfigError, match="already there"):
        run("export", out, "--root", root)


def test_records_are_shown_newest_first(root):
    lines = run("show", "--root", root, "--limit", 2).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["10", "9"]
    found = json.loads(run("show", "--root", root, "--before", 3, "--json").stdout)
    assert [record["id"] for record in found["records"]] == [2, 1]


def test_control_characters_of_a_question_do_not_reach_the_terminal(root):
    with open_log(root) as audit:
        audit.append("answer", {"question": "\x1b[2J\nfake line"})
    shown = run("show", "--root", root, "--limit", 1).stdout
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 1


def test_a_redaction_is_recorded_with_who_did_it(root):
    run("redact", 3, "--reason", "asked for", "--root", root)
    last = json.loads(run("show", "--root", root, "--limit", 1, "--json").stdout)["records"][0]
    assert (last["of"], last["reason"]) == (3, "asked for")
    assert "console" in last["user"]
    assert verdict(root).intact


def test_a_redaction_waits_for_the_server(root):
    with open_log(root), pytest.raises(ConfigError, match="in use"):
        run("redact", 3, "--reason", "asked for", "--root", root)


def test_exported_files_are_dropped(root, tmp_path):
    run("export", tmp_path / "out.jsonl", "--root", root)
    assert json.loads(run("drop", tmp_path / "out.jsonl", "--root", root, "--json").stdout)[
        "dropped"
    ]
    assert verdict(root).intact


@pytest.mark.parametrize(
    "arguments", [("verify",), ("export", "out"), ("show",), ("redact", "1", "--reason", "x")]
)
def test_without_a_log_the_root_is_asked_for(tmp_path, arguments):
    with pytest.raises(ConfigError, match="no audit log"):
        run(*arguments, "--root", tmp_path / "empty")
