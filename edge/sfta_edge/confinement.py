"""What a process gives up before it looks at something hostile: rights, resources, system calls.

Nothing here can be taken back by the process. What a machine cannot enforce is said, not passed
over: `confine` and its two halves return the reasons.

The filter of system calls is classic BPF as of seccomp(2): Linux on x86-64 and 64-bit Arm. It
refuses calls instead of ending the process, so that a library which merely tries gets an error
it can handle.
"""

import ctypes
import os
import platform
import resource
import signal
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import SftaError
from sfta_edge.filtered_calls import Grants, filter_for, seccomp_call

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_KEPT_VARIABLES = frozenset({"LANG", "LC_ALL", "LD_LIBRARY_PATH"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a process may use from now on."""

    memory_bytes: int = 0
    """Address space on top of what it has now; 0: as before."""
    seconds: int = 0
    """Processor time from its start; 0: as before."""
    file_bytes: int | None = 0
    """Longest file it may write; pipes do not count. None: as before."""
    open_files: int | None = 64
    """None: as before."""
    processes: int | None = 0
    """Most processes of its user, itself included, if it is not root; None: as before."""
    address_space: int | None = None
    """Address space in all, mapped files included; None: as before."""


def confine(bounds: Bounds, grants: Grants) -> list[str]:
    """Give up network, programs, processes and writing; return what cannot be enforced here.

    Call it after everything is imported: each later call may fail.

    Args:
        bounds: resources that may still be used.
        grants: what it may still do.
    """
    return [*restrict(bounds), *filter_calls(grants)]


def restrict(bounds: Bounds) -> list[str]:
    """The half of `confine` under which libraries can still be loaded."""
    return [*_give_up_privileges(), *_lower_limits(bounds)]


def filter_calls(grants: Grants) -> list[str]:
    """The other half: refuse system calls, to threads that already run as well."""
    system, machine = platform.system(), platform.machine()
    code, number = filter_for(machine, grants), seccomp_call(machine)
    if system != "Linux" or code is None or number is None:
        return [f"system calls: there is no filter for {system} on {machine}"]
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p]
    failed = syscall(
        number, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.addressof(program)
    )
    if failed > 0:
        return [f"system calls: thread {failed} cannot be filtered"]
    return [f"system calls: {os.strerror(ctypes.get_errno())}"] if failed else []


def end_with_parent(parent: int | None = None) -> None:
    """Be killed when the thread that started this process ends.

    Args:
        parent: the process it belongs to, if that is known.

    Raises:
        SftaError: that process is gone already.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        raise SftaError("the process that started this one is gone")


def let_go(keep: Collection[int]) -> None:
    """Forget what was inherited: descriptors, the environment, the working folder.

    Args:
        keep: descriptors that stay open, besides input, output and error output.
    """
    _close_all_but({0, 1, 2, *keep})
    for name in set(os.environ) - _KEPT_VARIABLES:
        del os.environ[name]
    os.chdir("/")
    os.umask(0o077)


def open_descriptors() -> set[int]:
    """Descriptors of this process that are open."""
    found = {int(entry.name) for entry in Path("/proc/self/fd").iterdir()}
    # The one that the list was read through is closed again.
    return {number for number in found if _is_open(number)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _close_all_but(keep: set[int]) -> None:
    if not Path("/proc/self/fd").is_dir():
        return
    for descriptor in open_descriptors() - keep:
        with suppress(OSError):
            os.close(descriptor)


def _give_up_privileges() -> Iterable[str]:
    """No set-user-id program gives rights back, and no other process may look inside."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            yield f"no_new_privs: {os.strerror(ctypes.get_errno())}"
        # A core dump that goes to a program ignores RLIMIT_CORE, but not this.
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (AttributeError, OSError) as error:
        yield f"no_new_privs: {error}"


def _lower_limits(bounds: Bounds) -> Iterable[str]:
    # A write beyond the limit is an error of that write, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    space = bounds.address_space
    if bounds.memory_bytes:
        grown = _address_space() + bounds.memory_bytes
        space = grown if space is None else min(space, grown)
    limits = {
        resource.RLIMIT_FSIZE: bounds.file_bytes,
        resource.RLIMIT_NOFILE: bounds.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: bounds.processes,
        resource.RLIMIT_AS: space,
    }
    for limit, value in limits.items():
        if value is not None:
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
