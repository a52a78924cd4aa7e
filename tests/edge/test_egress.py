"""A device knows whether it could call out, and does not call to find out."""

import shutil
import subprocess
import sys

import pytest

from sfta_edge.egress import Egress, egress

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LAN = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
OUT = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
DOWN = "eth1\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"
NONE6 = "0" * 32
SIX = f"{NONE6} 00 {NONE6} 00 {'fe80' + '0' * 27 + '1'} 00000400 1 0 00000003 wlan0\n"
REJECTED = f"{NONE6} 00 {NONE6} 00 {NONE6} ffffffff 1 0 00200200 lo\n"
LINK = f"fe80{'0' * 28} 40 {NONE6} 00 {NONE6} 00000100 1 0 00000001 eth0\n"
MULTICAST = f"ff00{'0' * 28} 08 {NONE6} 00 {NONE6} 00000100 1 0 00000001 eth0\n"


@pytest.fixture(name="tables")
def _tables(tmp_path):
    def write(four="", six=None):
        (tmp_path / "route").write_text(HEAD + four)
        if six is not None:
            (tmp_path / "ipv6_route").write_text(six)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("four", "six", "expected"),
    [
        ("", "", Egress()),
        ("", None, Egress()),
        (LAN, "", Egress(networks=("eth0",))),
        (LAN + OUT, "", Egress(networks=("eth0",), gateways=("eth0",))),
        (DOWN, "", Egress()),
        ("", SIX, Egress(gateways=("wlan0",))),
        ("", REJECTED, Egress()),
        ("", MULTICAST, Egress()),
        (LAN, LINK, Egress(networks=("eth0",))),
    ],
)
def test_routes_say_what_can_be_reached(tables, four, six, expected):
    assert egress(tables(four, six)) == expected


def test_a_device_on_a_local_network_alone_is_sealed(tables):
    found = egress(tables(LAN))
    assert found.sealed
    assert found.to_json() == {
        "sealed": True, "networks": ["eth0"], "gateways": [], "known": True,
    }  # fmt: skip


def test_a_gateway_breaks_the_seal(tables):
    assert not egress(tables(LAN + OUT)).sealed


def test_a_system_that_tells_nothing_is_not_called_sealed(tmp_path):
    found = egress(tmp_path)
    assert not found.known
    assert not found.sealed


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare on this system")
def test_an_empty_network_namespace_is_sealed():
    code = "from sfta_edge.egress import egress; print(egress().sealed, egress().networks)"
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip("this system allows no network namespace")
    assert done.stdout.split() == ["True", "()"]
