"""How many threads are worth starting on this machine.

Two threads on one core share its vector units, so llama.cpp is fastest with one thread per
physical core; a container may be allowed less than the machine has.
"""

import math
import os
from pathlib import Path

_SYSTEM = Path("/")


def physical_cores(root: Path = _SYSTEM) -> int:
    """Physical cores this process may use, at least 1: affinity, siblings and CPU quota."""
    allowed = _allowed()
    siblings = {_siblings(root, cpu) for cpu in allowed}
    quota = _quota(root)
    count = len(siblings) if quota is None else min(len(siblings), quota)
    return max(1, count)


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _siblings(root: Path, cpu: int) -> str:
    path = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    try:
        return path.read_text().strip()
    except OSError:
        return str(cpu)


def _quota(root: Path) -> int | None:
    """Whole cores that the control group grants; None without a limit."""
    try:
        quota, period = (root / "sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return None
