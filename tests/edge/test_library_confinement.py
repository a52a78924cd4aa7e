"""What a confined process can no longer do."""

import subprocess
import sys
import textwrap

import pytest

from sfta_edge.filtered_calls import Grants, filter_for

BEGIN = """
import os, socket, sys, threading
from sfta_edge.confinement import Bounds, confine
from sfta_edge.filtered_calls import Grants
missing = confine(Bounds({memory}, {seconds}), Grants(read_files={may_open}))
print(*missing, sep="\\n", file=sys.stderr)
"""


def confined(code, *, memory=256 << 20, seconds=20, may_open=False):
    begin = BEGIN.format(memory=memory, seconds=seconds, may_open=may_open)
    return subprocess.run(
        [sys.executable, "-I", "-c", begin + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def refused(code, **options):
    """The error with which a statement ends."""
    done = confined(
        f"try:\n    {code}\nexcept BaseException as error:\n    print(type(error).__name__)\n"
        "else:\n    print('allowed')",
        **options,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
        "os.kill(os.getppid(), 9)",
        "open('/etc/passwd')",
        "open('/tmp/made', 'w')",
        "os.mkdir('/tmp/made')",
        "os.unlink('/tmp/none')",
        "os.rename('/tmp/none', '/tmp/other')",
        "os.symlink('/etc/passwd', '/tmp/link')",
        "os.chmod('/tmp', 0o777)",
        "os.memfd_create('x')",
        "os.utime('/tmp')",
        "os.removexattr('/tmp', 'user.none')",
    ],
)
def test_the_world_outside_is_closed(code):
    assert refused(code) == "PermissionError"


def test_reading_may_be_left_open_and_writing_is_not():
    assert refused("open('/etc/passwd')", may_open=True) == "allowed"
    assert refused("open('/tmp/made', 'w')", may_open=True) == "PermissionError"
    assert refused("open('/etc/passwd', 'r+')", may_open=True) == "PermissionError"
    assert refused("socket.socket()", may_open=True) == "PermissionError"


def test_no_thread_and_no_process_is_started():
    assert refused("threading.Thread(target=print).start()") == "RuntimeError"


def test_memory_is_bounded():
    assert refused("bytearray(512 << 20)") == "MemoryError"
    assert refused("bytearray(64 << 20)") == "allowed"


def test_time_is_bounded():
    assert confined("while True: pass", seconds=1).returncode in (-24, -9)


def test_a_long_file_cannot_be_written_and_a_pipe_can():
    done = confined("os.write(1, b'x' * 100_000)")
    assert len(done.stdout) == 100_000


def test_the_process_says_what_this_machine_cannot_enforce():
    assert "no_new_privs" not in confined("").stderr


def test_privileges_do_not_come_back():
    done = confined(
        "print(open('/proc/self/status').read())",
        may_open=True,
    )
    assert "NoNewPrivs:\t1" in done.stdout
    assert "Seccomp:\t2" in done.stdout


def test_there_is_a_filter_for_both_architectures_and_a_reason_for_others():
    programs = [filter_for(machine, Grants()) for machine in ("x86_64", "aarch64")]
    assert all(program and len(program) % 8 == 0 for program in programs)
    assert filter_for("riscv64", Grants()) is None


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    "grants", [Grants(), Grants(read_files=True), Grants(True, True, True)]
)
def test_no_jump_leaves_the_program(machine, grants):
    program = filter_for(machine, grants)
    count = len(program) // 8
    for at in range(count):
        code, if_true, if_false = program[8 * at], program[8 * at + 2], program[8 * at + 3]
        if code & 7 == 5:
            assert at + 1 + max(if_true, if_false) < count
