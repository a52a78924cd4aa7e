"""Attacks from within the worker that the kernel refuses, and what computing needs."""

import struct
import subprocess
import sys

import pytest

from sfta_edge import confinement
from sfta_edge.filtered_calls import filter_for
from sfta_edge.worker.process import GRANTS

linux = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")
confined = """
import os, socket, sys, threading
from sfta_edge.confinement import Bounds, filter_calls, let_go, restrict
from sfta_edge.worker.process import GRANTS
let_go(set())
restrict(Bounds(file_bytes=None, open_files=None, processes=None))
reasons = filter_calls(GRANTS)
if reasons:
    print(*reasons)
    sys.exit(77)
try:
    {attempt}
except OSError as error:
    print("refused:", error.errno)
else:
    print("done")
"""
ATTACKS = {
    "a connection": "socket.create_connection(('127.0.0.1', 9), 1)",
    "a socket of the internet": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "a socket of this machine": "socket.socket(socket.AF_UNIX)",
    "a pair of sockets": "socket.socketpair()",
    "another program": "os.execv('/bin/true', ['true'])",
    "another process": "os.fork()",
    "a program beside it": "os.posix_spawn('/bin/true', ['true'], {})",
    "a signal to its parent": "os.kill(os.getppid(), 0)",
    "a new file": "open('/tmp/made-by-worker', 'w')",
    "an old file changed": "open('/tmp', os.O_RDWR) if False else os.open('/etc/hosts', os.O_RDWR)",
    "a file removed": "os.unlink('/tmp/made-by-worker')",
    "a folder": "os.mkdir('/tmp/made-by-worker')",
    "a link": "os.symlink('/etc/passwd', '/tmp/made-by-worker')",
    "another owner": "os.chmod('/tmp', 0o777)",
    "another time": "os.utime('/tmp')",
    "a file made longer": "os.truncate('/etc/hosts', 0)",
    "a file of memory only": "os.memfd_create('x')",
    "a process under a new name": "os.posix_spawnp('true', ['true'], {})",
}


def run_confined(attempt):
    program = confined.format(attempt=attempt)
    line = [sys.executable, "-I", "-B", "-c", program]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@linux
@pytest.mark.parametrize("attack", ATTACKS)
def test_the_kernel_refuses(attack):
    assert run_confined(ATTACKS[attack]) in {"refused: 1", "refused: 38"}


@linux
@pytest.mark.parametrize(
    "need",
    [
        "open('/etc/hostname').read()",
        "t = threading.Thread(target=print); t.start(); t.join()",
        "os.urandom(8)",
        "bytearray(50_000_000)",
    ],
)
def test_what_computing_needs_is_left(need):
    assert run_confined(need).split()[-1] == "done"


@linux
def test_threads_that_ran_before_are_filtered_as_well():
    attempt = "gate.set(); thread.join(); raise found[0]"
    program = confined.replace(
        "let_go(",
        """
gate, found = threading.Event(), []
def attack():
    gate.wait()
    try:
        socket.socket()
    except OSError as error:
        found.append(error)
thread = threading.Thread(target=attack)
thread.start()
let_go(""",
    ).format(attempt=attempt)
    line = [sys.executable, "-I", "-B", "-c", program]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 77 or "refused: 1" in done.stdout, done.stderr


@linux
@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("ours.sendall(b'x'); assert theirs.recv(1) == b'x'", "done"),
        ("door.accept()", "done"),
        ("ours.sendmsg([b'x'])", "refused: 1"),
        ("socket.send_fds(ours, [b'x'], [0])", "refused: 1"),
        ("door.listen(99)", "refused: 1"),
        ("ours.connect('/tmp/elsewhere')", "refused: 1"),
    ],
)
def test_what_it_may_do_with_sockets_it_has(attempt, outcome, tmp_path):
    made = f"""
ours, theirs = socket.socketpair()
door, caller = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
door.bind({str(tmp_path / "door")!r})
door.listen()
caller.connect({str(tmp_path / "door")!r})
let_go(map(socket.socket.fileno, (ours, theirs, door, caller)))
"""
    program = confined.replace("let_go(set())", made).format(attempt=attempt)
    line = [sys.executable, "-I", "-B", "-W", "ignore", "-c", program]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 77 or done.stdout.strip() == outcome, done.stderr


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_jumps_only_forward_and_ends_in_an_answer(machine):
    lines = list(struct.iter_unpack("=HBBI", filter_for(machine, GRANTS)))
    for at, (code, if_true, if_false, _) in enumerate(lines):
        if code in {0x15, 0x35, 0x45}:
            assert at + 1 + max(if_true, if_false) < len(lines)
    assert lines[-1] == (0x06, 0, 0, 0x7FFF0000)
    assert len(lines) < 4096


def test_an_unknown_machine_goes_without_and_says_so(monkeypatch):
    monkeypatch.setattr(confinement.platform, "machine", lambda: "sparc64")
    (reason,) = confinement.filter_calls(GRANTS)
    assert "sparc64" in reason
