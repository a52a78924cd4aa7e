"""What a process gives up before it looks at something hostile: rights, resources, system calls.

Nothing here can be taken back by the process. What a machine cannot enforce is said, not passed
over: `confine` returns the reasons.

The filter of system calls is classic BPF as of seccomp(2): Linux on x86-64 and 64-bit Arm. It
refuses calls instead of ending the process, so that a library which merely tries gets an error
it can handle.
"""

import ctypes
import os
import platform
import resource
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.filtered_calls import filter_for

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a process may use from now on."""

    memory_bytes: int
    """Address space on top of what it has now; 0: as before."""
    seconds: int
    """Processor time from its start; 0: as before."""
    file_bytes: int = 0
    """Longest file it may write; pipes do not count."""
    open_files: int = 64
    processes: int | None = 0
    """Most processes of its user, itself included, if it is not root; None: as before."""


def confine(bounds: Bounds, *, may_open: bool) -> list[str]:
    """Give up network, programs, processes and writing; return what cannot be enforced here.

    Call it after everything is imported, with one thread: each later call may fail.

    Args:
        bounds: resources that may still be used.
        may_open: files may still be opened, for reading.
    """
    missing = [*_give_up_privileges(), *_lower_limits(bounds)]
    reason = _filter_calls(may_open=may_open)
    return [*missing, reason] if reason else missing


def end_with_parent() -> None:
    """Be killed when the thread that started this process ends."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _give_up_privileges() -> Iterable[str]:
    """No set-user-id program gives rights back, and no other process may look inside."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            yield f"no_new_privs: {os.strerror(ctypes.get_errno())}"
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (AttributeError, OSError) as error:
        yield f"no_new_privs: {error}"


def _lower_limits(bounds: Bounds) -> Iterable[str]:
    # A write beyond the limit is an error of that write, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = {
        resource.RLIMIT_FSIZE: bounds.file_bytes,
        resource.RLIMIT_NOFILE: bounds.open_files,
        resource.RLIMIT_CORE: 0,
    }
    if bounds.processes is not None:
        limits[resource.RLIMIT_NPROC] = bounds.processes
    if bounds.memory_bytes:
        limits[resource.RLIMIT_AS] = _address_space() + bounds.memory_bytes
    for limit, value in limits.items():
        _lower(limit, value, value)
    if bounds.seconds:
        # The hard limit kills without a name; a second earlier the soft one says it was the time.
        _lower(resource.RLIMIT_CPU, bounds.seconds, bounds.seconds + 1)
    if bounds.processes is not None and os.geteuid() == 0:
        yield "processes: root may start any number; the filter of system calls still refuses"


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _lower(limit: int, soft: int, hard: int) -> None:
    """Set a limit, never above the one that already holds."""
    _, most = resource.getrlimit(limit)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(limit, (soft, hard))


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _filter_calls(*, may_open: bool) -> str:
    """Install the filter; return why that was not possible, or nothing."""
    system, machine = platform.system(), platform.machine()
    code = filter_for(machine, may_open=may_open) if system == "Linux" else None
    if code is None:
        return f"system calls: there is no filter for {system} on {machine}"
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        return f"system calls: {os.strerror(ctypes.get_errno())}"
    return ""
