"""A device profile of this very machine, in the form that `sfta plan export --device` reads.

The form is that of configs/devices in the factory. It is written here as text: the device has no
YAML library, and needs none to write nine lines.
"""

import os
import platform
import re
import struct
import time
from mmap import ACCESS_READ, mmap
from pathlib import Path

from sfta_edge.cores import physical_cores
from sfta_edge.engine import Engine
from sfta_edge.model import Model
from sfta_edge.speed import Speed

_ROOT = Path("/")
_GIB = 1 << 30
_HEADER = 64 << 20  # bytes in which the names of tensors stand
_UNKNOWN_CLOCK = 2.0
_LEAST_USE = 0.8
_KERNELS = {
    "F32": "float", "F16": "float", "BF16": "float", "Q8_0": "Q8_0", "Q5_0": "Q5_0",
    "Q4_1": "Q4_1", "Q5_1": "Q4_1", "Q4_0": "Q4_0",
}  # fmt: skip
_SUPER_BLOCK = 256


def profile_text(speed: Speed, engine: Engine, *, root: Path = _ROOT) -> str:
    """The profile as YAML; every figure says whether it was measured, read or assumed."""
    cores = min(speed.threads, physical_cores())
    clock, clock_source = _clock(root)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kernels = _kernels(speed, engine, cores * clock * 1e9)
    day = time.strftime("%Y-%m-%d")
    lines = [
        f"name: {_name()}",
        f"memory_gib: {total / _GIB:.1f}",
        f"system_gib: {max(0, total - speed.free_bytes) / _GIB:.1f}",
        f"bandwidth_gb_s: {speed.bandwidth / 1e9:.3g}",
        f"cores: {cores}",
        f"clock_ghz: {clock:.2f}",
        f"instruction_set: {speed.variant}",
        "kernels:",
        *(f"  {name}: {value:.3g}" for name, value in kernels.items()),
        "sources:",
        *(
            f'  {figure}: "measured: sfta-edge doctor, {day}"'
            for figure in ("memory_gib", "system_gib", "bandwidth_gb_s", "cores",
                           "instruction_set", "kernels")
        ),
        f'  clock_ghz: "{clock_source}"',
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def multiplied_weights(engine: Engine) -> tuple[int, int]:
    """Weights that a token of a prompt is multiplied with, and those that a new token is."""
    return weights_multiplied(engine.model)


def weights_multiplied(model: Model) -> tuple[int, int]:
    """As `multiplied_weights`, of a model that nothing computes with."""
    table = model.token_count * model.dimension
    every = int(model.native.llama_model_n_params(model.handle))
    if _has_own_output(model.path):
        return every - 2 * table, every - table
    return every - table, every


def _kernels(speed: Speed, engine: Engine, cycles: float) -> dict[str, float]:
    """Operations per cycle and core, of what was measured."""
    in_prompt, in_answer = multiplied_weights(engine)
    found = {}
    kernel = _KERNELS.get(
        speed.scheme, "K" if engine.model.dimension % _SUPER_BLOCK == 0 else ""
    )
    if kernel:
        found[kernel] = 2 * in_prompt * speed.prefill_tokens_per_second / cycles
    decode = speed.decode_tokens_per_second
    size = int(engine.model.native.llama_model_size(engine.model.handle))
    if decode is not None and decode * size < _LEAST_USE * speed.bandwidth:
        # Memory is not what holds it up, so computing is.
        found["vector"] = 2 * in_answer * decode / cycles
    return found


def _has_own_output(path: Path) -> bool:
    """Whether output and embedding are two matrices: a tensor of that name is in the header."""
    name = b"output.weight"
    with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(struct.pack("<Q", len(name)) + name, 0, _HEADER) >= 0


def _clock(root: Path) -> tuple[float, str]:
    """GHz, and where the figure comes from."""
    try:
        most = (root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").read_text()
        return int(most) / 1e6, "spec: the most that the system lets a core run at"
    except (OSError, ValueError):
        pass
    try:
        found = re.search(
            r"^cpu MHz\s*:\s*([\d.]+)", (root / "proc/cpuinfo").read_text(), re.MULTILINE
        )
    except OSError:
        found = None
    if found:
        return float(found[1]) / 1000, "measured: /proc/cpuinfo"
    return _UNKNOWN_CLOCK, "assumed: the system does not say; the kernels were divided by it"


def _name() -> str:
    """The machine's name in the letters that a profile may have."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", platform.node().lower()).strip("-._")
    return plain[:63] or "my-device"
