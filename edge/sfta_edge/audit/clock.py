"""When something happened, on a device whose clock on the wall may be wrong by decades."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def clock_facts() -> dict[str, Any]:
    """Wall clock, seconds since the boot, and which boot: the order holds without the first."""
    return {
        "wall": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "monotonic": round(time.monotonic(), 3),
        "boot": boot_id(),
    }


def boot_id() -> str:
    """Changes with every start of the machine; empty where the kernel does not say it."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
