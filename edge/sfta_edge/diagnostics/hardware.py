"""The machine a device runs on, and the packages it runs."""

import hashlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sfta_edge.cores import physical_cores
from sfta_edge.processor import missing_features

_CPUINFO = Path("/proc/cpuinfo")
_OF_USE = frozenset({
    "sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
    "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm",
    "bf16", "sve", "sve2",
})  # fmt: skip
"""Features that decide which backend of llama.cpp is loaded."""
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_ENVIRONMENT = ("SFTA_ROOT", "OMP_NUM_THREADS", "GGML_BACKEND_PATH", "LD_PRELOAD", "PYTHONPATH")


def hardware(cpuinfo: Path = _CPUINFO) -> dict[str, Any]:
    """Processor, memory, and system, without the name of the machine."""
    told = _cpu(cpuinfo)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.system(),
        "release": release(),
        "machine": platform.machine(),
        "processor": told.get("model name", ""),
        "features": sorted(_OF_USE & set(told.get("flags", told.get("Features", "")).split())),
        "missing": missing_features(),
        "cores": physical_cores(),
        "threads": os.cpu_count(),
        "memory": memory,
        "page_size": os.sysconf("SC_PAGE_SIZE"),
    }


def release() -> str:
    """Version of the kernel; whoever builds one may add a name of theirs, which is left out."""
    found = _RELEASE.match(platform.release())
    return found[0] if found else ""


def packages() -> dict[str, str]:
    """Every installed distribution and its version."""
    found = ((each.metadata["Name"], each.version) for each in distributions())
    return {str(name): str(which) for name, which in sorted(found) if name}


def llama_build() -> dict[str, Any]:
    """Which llama.cpp is installed; found without loading it, as that may be what fails."""
    try:
        told: dict[str, Any] = {"binding": version("llama-cpp-python")}
    except PackageNotFoundError:
        return {"binding": None}
    spec = find_spec("llama_cpp")
    folder = Path(spec.origin).parent / "lib" if spec and spec.origin else Path()
    libraries = sorted(folder.glob("lib*.so*")) if spec else []
    return told | {"libraries": {path.name: _digest(path) for path in libraries}}


def environment() -> dict[str, bool]:
    """Which variables that change how the program runs are set; their values are nobody's."""
    return {name: name in os.environ for name in _ENVIRONMENT}


def _cpu(cpuinfo: Path) -> dict[str, str]:
    """The first processor, as Linux tells it."""
    try:
        lines = cpuinfo.read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": sha256}
