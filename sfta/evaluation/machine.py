"""What the measured times hold for: processor, threads and versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("sfta", "sfta-edge", "llama-cpp-python")


def environment(llama_variant: str, threads: int) -> dict[str, str]:
    """Facts of this machine, in words."""
    return {
        "processor": processor_name(),
        "cores": str(os.cpu_count() or 1),
        "threads": str(threads),
        "llama.cpp variant": llama_variant,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor as it calls itself."""
    try:
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def resident_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Memory that this process holds now, mapped model files included; 0 if it cannot be told.

    The most it ever held says nothing of one arm: it cannot be reset without being root, and
    whatever was loaded before stays in it.
    """
    try:
        lines = status.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return 0
    for line in lines:
        key, _, value = line.partition(":")
        if key == "VmRSS":
            return int(value.split()[0]) * 1024
    return 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"
