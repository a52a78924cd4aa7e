"""What the machine itself can do, and how much of it another program takes."""

from dataclasses import dataclass
from pathlib import Path

from sfta_edge.bench.peak import peak_operations
from sfta_edge.speed import core_share, free_memory, memory_bandwidth

_TRIES = 3
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Machine:
    """Limits that were measured, with so many threads."""

    threads: int
    core_share: float
    """Share of the cores' time that one gets who wants all of it, 0 to 1."""
    bandwidth: float
    """Bytes per second read from memory, at best."""
    operations_per_second: float
    """Of 32 bit floats."""


def measure_machine(threads: int) -> Machine:
    """Measure while nothing else of ours computes; the best of several tries is the limit."""
    share = core_share(threads)
    most = free_memory() // 4
    bandwidth = max(memory_bandwidth(threads, most) for _ in range(_TRIES))
    return Machine(threads, share, bandwidth, peak_operations(threads))


def peak_resident(pid: int, proc: Path = _PROC) -> int | None:
    """Most memory a process has held, pages of mapped files included; None if it cannot be told."""
    try:
        lines = (proc / str(pid) / "status").read_text("ascii", errors="replace").splitlines()
    except OSError:
        return None
    stated = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(stated[0]) << 10 if stated else None
