"""Whether this processor runs what is installed, asked before any of it is loaded.

NumPy's wheels are built for x86-64-v2. On an older processor their import ends the process with
an illegal instruction, before a line of ours could say why. llama.cpp brings code for every
processor and chooses by itself; see `llama`.

Standard library only: install.sh asks before the packages of a bundle are there.
"""

import ctypes
import platform
import sys
from pathlib import Path

from sfta_edge.errors import MissingDependencyError

_CPUINFO = Path("/proc/cpuinfo")
_QUESTION = "__x86_get_cpuid_feature_leaf"
_X86_64_V2 = {
    "SSE3": (0, 0, "pni"),
    "SSSE3": (0, 9, "ssse3"),
    "SSE4.1": (0, 19, "sse4_1"),
    "SSE4.2": (0, 20, "sse4_2"),
    "POPCNT": (0, 23, "popcnt"),
    "CMPXCHG16B": (0, 13, "cx16"),
    "LAHF-SAHF": (2, 0, "lahf_lm"),
}
"""Feature: the leaf as glibc numbers it, the bit in its ECX, and what Linux calls it."""


class _Leaf(ctypes.Structure):
    """`struct cpuid_feature` of <sys/platform/x86.h>: EAX to EDX, each as is and as usable."""

    _fields_ = (("cpuid", ctypes.c_uint * 4), ("active", ctypes.c_uint * 4))


def check_processor() -> None:
    """Return if this processor is new enough.

    Raises:
        MissingDependencyError: it is not; names what it lacks.
    """
    missing = missing_features()
    if missing:
        raise MissingDependencyError(
            f"this processor has no {', '.join(missing)}; sfta-edge needs an x86-64-v2 "
            "processor: Intel since 2008, AMD since 2011",
            hint="In a virtual machine, show it the processor of the host (QEMU: -cpu host).",
        )


def missing_features() -> list[str]:
    """Features of x86-64-v2 that this processor lacks; empty on other kinds of machine."""
    if platform.machine() != "x86_64":
        return []
    found = _asked_of_glibc()
    if found is None:
        found = _told_by_linux()
    return [] if found is None else [name for name in _X86_64_V2 if name not in found]


def _asked_of_glibc() -> set[str] | None:
    """What the CPUID instruction says to this process; None before glibc 2.33 and elsewhere.

    Unlike /proc/cpuinfo it is right under an emulator, which is how it is tested.
    """
    try:
        ask = ctypes.CDLL(None)[_QUESTION]
    except (OSError, AttributeError):
        return None
    ask.argtypes, ask.restype = [ctypes.c_uint], ctypes.POINTER(_Leaf)
    return {
        name
        for name, (leaf, bit, _) in _X86_64_V2.items()
        if ask(leaf).contents.cpuid[2] >> bit & 1
    }


def _told_by_linux() -> set[str] | None:
    """What /proc/cpuinfo says of the first processor; None if it cannot be read."""
    try:
        lines = _CPUINFO.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((line.split() for line in lines if line.startswith("flags")), None)
    if flags is None:
        return None
    return {name for name, (_, _, flag) in _X86_64_V2.items() if flag in flags}


def main() -> int:
    """Say what is missing, if anything is; the exit code is that of the error."""
    try:
        check_processor()
    except MissingDependencyError as error:
        sys.stderr.write(f"error: {error}\nhint: {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
