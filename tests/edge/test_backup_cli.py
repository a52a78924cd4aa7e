"""``sfta-edge backup`` and ``restore``: what they print and how they end."""

import json

import pytest
from click.testing import CliRunner

from device_data import device_data, note, notes
from sfta_edge.cli.backup import command as backup
from sfta_edge.cli.restore import command as restore
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.lock import DataLock


@pytest.fixture(name="root")
def _root(tmp_path):
    device_data(tmp_path / "device")
    return tmp_path / "device"


def run(command, *arguments):
    """The result of a command; its errors are raised, as in the program."""
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def run_failing(command, *arguments):
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    assert result.exception is not None
    raise result.exception


def test_a_backup_goes_out_and_comes_back(tmp_path, root):
    key, out = tmp_path / "key.pem", tmp_path / "b.sfta-backup"
    assert "keep it away" in run(backup, "--new-key", key, "--root", root).stdout
    result = run(backup, out, "--root", root)
    assert "read back and verified" in result.stdout
    assert "writing: 100 %" in result.stderr
    assert f"next: sfta-edge restore {out}" in result.stderr
    note(root / "data", "later")
    assert "sound" in run(restore, out, "--key", key, "--check", "--root", root).stdout
    assert len(notes(root / "data")) == 3
    result = run(restore, out, "--key", key, "--root", root)
    assert "the data from before are in" in result.stdout
    assert len(notes(root / "data")) == 2
    assert "removed" in run(restore, "--discard-old", "--root", root).stdout


def test_results_are_json_where_that_is_asked_for(tmp_path, root):
    key, out = tmp_path / "key.pem", tmp_path / "b"
    keys = json.loads(run(backup, "--new-key", key, "--root", root, "--json").stdout)
    assert keys["public"] == str(root / "data/keys/backup.pub")
    made = json.loads(run(backup, out, "--root", root, "--json").stdout)
    done = json.loads(
        run(restore, out, "--key", key, "--root", root, "--discard-old", "--json").stdout
    )
    assert made["digest"] == done["digest"]
    assert done["discarded"] == [done["replaced"]]


def test_another_key_can_be_given(tmp_path, root):
    run(backup, "--new-key", tmp_path / "key.pem", "--root", tmp_path / "elsewhere")
    public = tmp_path / "elsewhere/data/keys/backup.pub"
    run(backup, tmp_path / "b", "--root", root, "--key", public)
    run(restore, tmp_path / "b", "--key", tmp_path / "key.pem", "--root", root)


def test_a_log_that_was_broken_is_told(tmp_path, root):
    (root / "data/audit/head.json").unlink()
    run(backup, "--new-key", tmp_path / "key.pem", "--root", root)
    run(backup, tmp_path / "b", "--root", root)
    options = ("--key", tmp_path / "key.pem", "--check", "--root", root)
    assert "audit log was broken" in run(restore, tmp_path / "b", *options).stderr


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (backup, [], "say either"),
        (backup, ["out", "--new-key", "key"], "say either"),
        (backup, ["out"], "cannot read the key"),
        (restore, [], "say which backup"),
        (restore, ["missing"], "private key"),
        (restore, ["missing", "--key", "missing"], "cannot read the key"),
    ],
)
def test_a_call_that_cannot_work_says_why(root, command, arguments, message):
    with pytest.raises(ConfigError, match=message):
        run_failing(command, *arguments, "--root", root)


def test_a_damaged_backup_and_a_running_server_are_refused(tmp_path, root):
    run(backup, "--new-key", tmp_path / "key.pem", "--root", root)
    run(backup, tmp_path / "b", "--root", root)
    options = ("--key", tmp_path / "key.pem", "--root", root)
    with DataLock(root / "data", "serve"), pytest.raises(ConfigError, match="in use"):
        run_failing(restore, tmp_path / "b", *options)
    (tmp_path / "bad").write_bytes((tmp_path / "b").read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="cut off"):
        run_failing(restore, tmp_path / "bad", *options)
