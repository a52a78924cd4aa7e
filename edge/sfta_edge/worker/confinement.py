"""What the worker gives up before it reads a file: descriptors, memory, privileges.

Standard library only: nothing else is loaded before.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from sfta_edge.errors import SftaError

_SET_PARENT_DEATH_SIGNAL, _SET_DUMPABLE, _SET_NO_NEW_PRIVILEGES = 1, 4, 38
_KEPT_VARIABLES = frozenset({"LANG", "LC_ALL", "LD_LIBRARY_PATH"})


def confine(
    keep: Collection[int], *, parent: int | None = None, memory_bytes: int | None = None
) -> None:
    """Give up what computing does not need, for good; `seccomp` takes the rest.

    Args:
        keep: descriptors that stay open, besides input, output and error output.
        parent: process with which this one dies; None: it lives on its own.
        memory_bytes: most address space, mapped files included; None: no limit.

    Raises:
        SftaError: the parent is gone already, or the kernel refuses a promise.
    """
    _close_all_but({0, 1, 2, *keep})
    for name in set(os.environ) - _KEPT_VARIABLES:
        del os.environ[name]
    # The arrays here are small: threads of NumPy's library would only take memory.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.chdir("/")
    os.umask(0o077)
    _lower(resource.RLIMIT_CORE, 0)
    if memory_bytes is not None:
        _lower(resource.RLIMIT_AS, memory_bytes)
    if sys.platform == "linux":
        # A core dump that goes to a program ignores RLIMIT_CORE, but not this.
        _control(_SET_DUMPABLE, 0)
        _control(_SET_NO_NEW_PRIVILEGES, 1)
        if parent is not None:
            _control(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        raise SftaError("the process that started this worker is gone")


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


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(kind, (limit, limit))


def _control(option: int, value: int) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if prctl(option, value, 0, 0, 0) != 0:
        raise SftaError(
            f"the kernel refuses prctl option {option}: {os.strerror(ctypes.get_errno())}"
        )
