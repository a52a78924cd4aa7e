"""The unit that runs the device is valid, closed, and gives a reason for every line."""

import re
import shutil
import subprocess
from importlib.resources import files

import pytest

TEMPLATE = files("sfta_edge") / "systemd" / "sfta-edge.service"
MOST_EXPOSED = 1.5
FILLED = {
    "LISTEN": "--host 0.0.0.0 --port 8080",
    "ALLOW": "localhost 192.168.0.0/16",
    "BIND": "tcp:8080",
    "USER": "daemon",
}
analyzed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this system"
)


@pytest.fixture(name="unit")
def _unit(tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "sfta-edge"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = TEMPLATE.read_text("utf-8")
    for name, value in {**FILLED, "ROOT": str(tmp_path)}.items():
        text = text.replace(f"@{name}@", value)
    unit = tmp_path / "sfta-edge.service"
    unit.write_text(text)
    return unit


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_nothing_is_left_to_fill_in(unit):
    assert not re.search(r"@[A-Z]+@", unit.read_text())


@analyzed
def test_systemd_finds_no_fault(unit):
    done = analyze("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")


@analyzed
def test_the_service_is_hardly_exposed(unit):
    done = analyze("security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(found[1]) <= MOST_EXPOSED, done.stdout


def test_every_paragraph_of_settings_has_its_reason():
    """A comment stands above each group of directives; a group without one is unexplained."""
    unexplained, explained = [], False
    for line in TEMPLATE.read_text("utf-8").splitlines():
        if not line or line.startswith("["):
            explained = line.startswith("[")
        elif line.startswith("#"):
            explained = True
        elif not explained:
            unexplained.append(line)
    assert unexplained == []


@pytest.mark.parametrize(
    "directive",
    [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "IPAddressDeny=any",
        "SocketBindDeny=any",
        "MemoryDenyWriteExecute=yes",
        "WatchdogSec=60",
        "Restart=always",
    ],
)
def test_the_promises_of_the_threat_model_stand_in_the_unit(directive):
    assert directive in TEMPLATE.read_text("utf-8").splitlines()


def values(directive):
    lines = TEMPLATE.read_text("utf-8").splitlines()
    found = [line.partition("=")[2] for line in lines if line.startswith(f"{directive}=")]
    return " ".join(found).split()


def test_worker_and_parser_may_give_up_calls_themselves():
    """Systemd 252 has this call in no set of a service."""
    assert "seccomp" in values("SystemCallFilter")


def test_every_place_that_can_be_written_is_closed_to_programs():
    assert {*values("ReadWritePaths"), "/tmp", "/var/tmp", "-/dev/shm"} <= {
        *values("NoExecPaths")
    }


def test_what_may_be_run_below_the_data_cannot_be_written():
    closed = {path.removeprefix("-") for path in values("ReadOnlyPaths")}
    assert set(values("ExecPaths")) <= closed
