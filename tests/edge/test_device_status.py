"""The status of a device fits on a stick and names no document, question or person."""

import json

import pytest
from click.testing import CliRunner

from sfta_edge import device_status as module
from sfta_edge.cli.main import cli
from sfta_edge.device_status import SCHEMA, device_status
from sfta_edge.installation import install
from sfta_edge.slots import rollback
from sfta_edge.trust import TRUST_FILE
from signed_bundles import PUBLIC


def test_an_empty_device_has_a_status(tmp_path):
    found = device_status(tmp_path / "nothing")
    assert (found["schema"], found["active"], found["slots"]) == (SCHEMA, None, {})
    assert found["trust"] is None
    assert found["disk"]["total"] >= found["disk"]["free"] > 0


def test_it_says_which_bundle_answers_and_why_one_was_left(device_root, second_bundle):
    install(second_bundle, device_root, PUBLIC)
    assert device_status(device_root)["probation"]
    rollback(device_root, "it was slow")
    found = device_status(device_root)
    assert found["slots"][found["active"]]["counter"] == 1
    assert (found["probation"], found["reason"]) == (False, "it was slow")


def test_a_damaged_trust_file_is_told_and_is_no_end(device_root):
    (device_root / TRUST_FILE).write_text("{}")
    assert "not readable" in device_status(device_root)["trust"]["problem"]


def test_a_system_without_meminfo_tells_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MEMORY", tmp_path / "none")
    assert device_status(tmp_path)["memory"] == {}


def test_memory_is_in_bytes(tmp_path, monkeypatch):
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:  8 kB\nMemFree: 1 kB\nMemAvailable:  4 kB\n")
    monkeypatch.setattr(module, "_MEMORY", told)
    assert device_status(tmp_path)["memory"] == {"total": 8192, "available": 4096}


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints_it(device_root, as_json):
    done = CliRunner().invoke(
        cli, ["status", "--root", str(device_root), *(["--json"] if as_json else [])]
    )
    if as_json:
        assert json.loads(done.output)["schema"] == SCHEMA
    else:
        assert "a  answers  manuals 1" in done.output
        assert "MiB of disk free" in done.output
