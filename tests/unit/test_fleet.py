"""Many devices at a glance: what is behind, what went back, what is full."""

import json
import time
import zipfile

import pytest
from click.testing import CliRunner

from sfta.cli.fleet import command
from sfta_edge.device_status import device_status
from sfta_edge.diagnostics.collection import Wanted, collected
from sfta_edge.diagnostics.packing import packed, write_new
from sfta_edge.errors import ConfigError


def status(device="plant-1", counter=4, **changes):
    """What `sfta-edge status --json` prints on a device that is well."""
    facts = {
        "schema": "sfta.status/1", "device": device, "time": int(time.time()), "version": "0.1.0",
        "active": "a", "slots": {"a": {"name": "manuals", "counter": counter}}, "reason": "",
        "probation": False, "trust": None, "disk": {"free": 1 << 40, "total": 1 << 41},
        "offline": {"sealed": True},
    }  # fmt: skip
    return {**facts, **changes}


@pytest.fixture(name="shown")
def _shown(tmp_path):
    def show(*statuses, options=()):
        for number, each in enumerate(statuses):
            (tmp_path / f"{number}.json").write_text(json.dumps(each))
        done = CliRunner().invoke(command, [str(tmp_path), *options])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return show


def test_devices_that_are_well_are_one_line_each(shown):
    told = shown(status("plant-1"), status("plant-22")).splitlines()
    assert told == [
        "plant-1   manuals 4  ok",
        "plant-22  manuals 4  ok",
        "2 devices, 0 need a look",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counter": 3}, "behind: 4 is out"),
        ({"reason": "too slow"}, "went back: too slow"),
        ({"probation": True}, "has not proved itself"),
        ({"disk": {"free": 5 << 20, "total": 9}}, "5 MiB of disk free"),
        ({"offline": {"sealed": False}}, "could reach another network"),
        ({"time": int(time.time()) - 40 * 86_400}, "the status is 40 days old"),
        ({"active": None, "slots": {}}, "nothing is installed"),
        (
            {"trust": {"problem": "the trust file is not readable"}},
            "trust file is not readable",
        ),
    ],
)
def test_what_needs_a_look_is_said(shown, changes, said):
    told = shown(status("well"), status("odd", **changes))
    assert said in told
    assert "2 devices, 1 need a look" in told


def test_of_each_device_the_newest_file_counts(shown):
    old = status("plant-1", 3, time=int(time.time()) - 60)
    told = shown(status("plant-1", 4), old)
    assert "manuals 4  ok" in told
    assert "1 devices" in told


def test_the_days_can_be_set(shown):
    aged = status(time=int(time.time()) - 3 * 86_400)
    assert "3 days old" in shown(aged, options=["--days", "2"])


def test_programs_get_json(shown):
    (row,) = json.loads(shown(status(reason="too slow"), options=["--json"]))["devices"]
    assert row["look_at"] == ["went back: too slow"]


def test_a_real_status_file_is_read(shown, tmp_path):
    assert "nothing is installed" in shown(device_status(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "sfta.status/1"}'])
def test_another_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert "x.json is no status file" in str(done.exception)


def test_an_empty_folder_is_refused(tmp_path):
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(done.exception, ConfigError)


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)


def test_a_file_of_diagnostics_is_read_like_a_status(tmp_path):
    parts = collected(tmp_path / "root", Wanted("plant-9", doctor=None))
    write_new(tmp_path / "plant-9.zip", packed(parts))
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert "plant-9  -  nothing is installed" in done.output


def test_a_bundle_that_only_stays_needs_a_look(shown):
    assert "did not prove itself and stays: damaged" in shown(status(stays="damaged"))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"status_json": "[" * 100_000},
        {"status_json": " " * (2 << 20)},
        {"other_json": "{}"},
    ],
)
def test_an_archive_that_holds_no_status_is_refused_by_name(tmp_path, members):
    zipped(tmp_path / "x.zip", **members)
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert "x.zip is no status file" in str(done.exception)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:40], lambda raw: raw[:30] + bytes(20) + raw[50:]]
)
def test_a_damaged_archive_is_refused_by_name(tmp_path, damage):
    zipped(tmp_path / "x.zip", status_json=json.dumps(status()))
    raw = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(damage(raw))
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
