"""Smaller number formats for a GGUF file, through llama.cpp's C API.

Runs as a program of its own (``python -m sfta_export.quantization``), so that a fault in
native code ends that program and not the pipeline.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import ConfigError, SftaError, ToolError
from sfta_export.content import finished_file

log = logging.getLogger("sfta")
# Nominal bits per weight: blocks of 32 or 256 weights with their scales.
NOMINAL_BITS = {
    "Q2_K": 3.0,
    "Q3_K_S": 3.5,
    "Q3_K_M": 3.9,
    "Q3_K_L": 4.3,
    "Q4_0": 4.5,
    "Q4_1": 5.0,
    "Q4_K_S": 4.6,
    "Q4_K_M": 4.85,
    "Q5_0": 5.5,
    "Q5_1": 6.0,
    "Q5_K_S": 5.5,
    "Q5_K_M": 5.7,
    "Q6_K": 6.6,
    "Q8_0": 8.5,
}
SCHEMES = tuple(NOMINAL_BITS)
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Quantized:
    """What came out."""

    path: Path
    scheme: str
    size: int
    """Bytes of the file."""
    bits_per_weight: float
    """Measured over all tensors."""


def quantize(source: Path, out: Path, scheme: str) -> Quantized:
    """Write `source` (f16, bf16 or f32 GGUF) in a smaller number format.

    Rows whose length is no multiple of 256 do not fit the K formats; llama.cpp stores them in
    a larger one. The bits measured here say so, and a warning does.

    Raises:
        ConfigError: the scheme is unknown.
        ToolError: llama.cpp failed or crashed.
    """
    if scheme not in SCHEMES:
        raise ConfigError(
            f"unknown quantization scheme {scheme!r}", hint=f"One of {', '.join(SCHEMES)}."
        )
    with finished_file(out) as scratch:
        command = [sys.executable, "-m", __name__, str(source), str(scratch), scheme]
        paths = os.pathsep.join(path for path in sys.path if path)
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "PYTHONPATH": paths},
        )
        if done.returncode != 0:
            tail = (
                "\n".join(done.stderr.strip().splitlines()[-6:]) or "llama.cpp gave no reason"
            )
            raise ToolError(
                f"quantizing {source.name} to {scheme} failed (exit {done.returncode}):\n{tail}",
                hint="Check free disk space and memory; the 16-bit file is not changed.",
            )
        measured = json.loads(done.stdout)
    bits = round(measured["bytes"] * 8 / measured["weights"], 3)
    if "_K" in scheme and measured["row"] % _BLOCK:
        log.warning(
            "%s takes %.2f bits per weight instead of %.2f: rows of %d weights do not fit its "
            "blocks of %d. Q4_0, Q5_0 or Q8_0 may be smaller and faster.",
            *(scheme, bits, NOMINAL_BITS[scheme], measured["row"], _BLOCK),
        )
    return Quantized(out, scheme, out.stat().st_size, bits)


def _quantize_here(source: Path, out: Path, scheme: str) -> dict[str, int]:
    import ctypes

    from sfta_edge.llama import first_error, load_library
    from sfta_edge.model import Model

    native = load_library()
    params = native.llama_model_quantize_default_params()
    params.nthread = os.cpu_count() or 1
    params.ftype = getattr(native, f"LLAMA_FTYPE_MOSTLY_{scheme}")
    code = native.llama_model_quantize(
        str(source).encode(), str(out).encode(), ctypes.byref(params)
    )
    if code:
        raise ToolError(f"code {code}: {first_error()}")
    model = Model(out)
    return {
        "bytes": int(native.llama_model_size(model.handle)),
        "weights": int(native.llama_model_n_params(model.handle)),
        "row": model.dimension,
    }


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("scheme", choices=SCHEMES)
    options = parser.parse_args()
    try:
        measured = _quantize_here(options.source, options.out, options.scheme)
    except SftaError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
