"""No network is needed, and none is looked for: shown without one, and by the kernel's own list."""

import json
import re
import shutil
import subprocess
import sys

import pytest

import offline_life
from sfta_edge.signature import public_pem

NETWORK = "connect,sendto,sendmsg,sendmmsg,socket"
ABROAD = re.compile(r"(connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET6?\b")
"""A call that names an address of a network, the loopback interface included."""
pytestmark = pytest.mark.slow


@pytest.fixture(name="made", scope="module")
def _made(small_bundle, signing_key, tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    key = folder / "maker.pem"
    key.write_bytes(public_pem(signing_key.public_key()))
    return [small_bundle, key]


def lived(before, made, root, *prefix):
    """What a device answers on its day; `before` is what it all runs in."""
    line = [*before, sys.executable, offline_life.__file__, *made, root, *prefix]
    done = subprocess.run(map(str, line), check=False, capture_output=True, text=True)
    if "unshare" in done.stderr or "PTRACE" in done.stderr:
        pytest.skip("this system does not allow it")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare on this system")
def test_a_device_without_any_network_does_all_it_does(made, tmp_path):
    told = lived(["unshare", "-rn"], made, tmp_path / "root")
    assert told["sealed"]
    assert told["job"] == "done"
    assert told["alone"]
    assert told["asked"]
    assert told["second"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this system")
def test_a_device_with_a_network_calls_nobody(made, tmp_path):
    trace = tmp_path / "trace"
    watch = ["strace", "-f", "-qq", "-A", "-o", trace, "-e", f"trace={NETWORK}"]
    told = lived([], made, tmp_path / "root", *watch)
    assert told["job"] == "done"
    calls = trace.read_text().splitlines()
    assert any("AF_INET, SOCK_STREAM" in call for call in calls), "the listener was not seen"
    assert [call for call in calls if ABROAD.search(call)] == []
    kinds = {
        found[1] for call in calls if (found := re.search(r"socket\((AF_\w+|PF_\w+)", call))
    }
    assert kinds <= {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this system")
def test_a_call_abroad_would_have_been_seen(tmp_path):
    trace = tmp_path / "trace"
    call = (
        "import socket; s = socket.socket(); s.settimeout(.1); s.connect_ex(('127.0.0.1', 9))"
    )
    watch = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={NETWORK}"]
    done = subprocess.run(
        [*watch, sys.executable, "-c", call], check=False, capture_output=True
    )
    if done.returncode and b"PTRACE" in done.stderr:
        pytest.skip("this system does not allow it")
    assert ABROAD.search(trace.read_text())
