"""Smaller number formats for a GGUF file, through llama.cpp's C API.

Runs as a program of its own (``python -m sfta_export.quantization``), so that a fault in
native code ends that program and not the pipeline.
"""

import argparse
import ctypes
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfta_edge.errors import ConfigError, SftaError, ToolError
from sfta_edge.manifest import sha256_file
from sfta_export.content import finished_file
from sfta_export.importance import Importance

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
    "IQ4_XS": 4.25,
    "Q5_0": 5.5,
    "Q5_1": 6.0,
    "Q5_K_S": 5.5,
    "Q5_K_M": 5.7,
    "Q6_K": 6.6,
    "Q8_0": 8.5,
}
SCHEMES = tuple(NOMINAL_BITS)
_BLOCK = 256
_SUPER_BLOCKS = {scheme for scheme in SCHEMES if "_K" in scheme or scheme.startswith("IQ")}
_INTEGER, _STRING = 0, 3  # LLAMA_KV_OVERRIDE_TYPE_*


@dataclass(frozen=True, slots=True)
class Quantized:
    """What came out."""

    path: Path
    scheme: str
    size: int
    """Bytes of the file."""
    bits_per_weight: float
    """Measured over all tensors."""


def uses_importance(scheme: str) -> bool:
    """Whether an importance matrix changes what the scheme gives; 8 bits take none."""
    return scheme != "Q8_0"


def quantize(source: Path, out: Path, scheme: str, importance: Path | None = None) -> Quantized:
    """Write `source` (f16, bf16 or f32 GGUF) in a smaller number format.

    Rows whose length is no multiple of 256 do not fit the K formats; llama.cpp stores them in
    a larger one. The bits measured here say so, and a warning does.

    Args:
        source: The 16-bit file.
        out: The file to write.
        scheme: One of `SCHEMES`.
        importance: As `Importance.write` keeps it; its origin is written into the metadata.

    Raises:
        ConfigError: the scheme is unknown.
        IntegrityError: the importance matrix cannot be read.
        ToolError: llama.cpp failed or crashed.
    """
    if scheme not in SCHEMES:
        raise ConfigError(
            f"unknown quantization scheme {scheme!r}", hint=f"One of {', '.join(SCHEMES)}."
        )
    with finished_file(out) as scratch:
        command = [sys.executable, "-m", __name__, str(source), str(scratch), scheme]
        if importance is not None and uses_importance(scheme):
            Importance.read(importance)  # its faults are told here, as what they are
            command += ["--importance", str(importance)]
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
    if scheme in _SUPER_BLOCKS and measured["row"] % _BLOCK:
        log.warning(
            "%s takes %.2f bits per weight instead of %.2f: rows of %d weights do not fit its "
            "blocks of %d. Q4_0, Q5_0 or Q8_0 may be smaller and faster.",
            *(scheme, bits, NOMINAL_BITS[scheme], measured["row"], _BLOCK),
        )
    return Quantized(out, scheme, out.stat().st_size, bits)


def _quantize_here(
    source: Path, out: Path, scheme: str, importance: Path | None
) -> dict[str, int]:
    from sfta_edge.llama import first_error, load_library
    from sfta_edge.model import Model

    native = load_library()
    params = native.llama_model_quantize_default_params()
    params.nthread = os.cpu_count() or 1
    params.ftype = getattr(native, f"LLAMA_FTYPE_MOSTLY_{scheme}")
    if importance is not None:
        found = Importance.read(importance)
        params.imatrix = _matrix(native, found)
        params.kv_overrides = _metadata(native, found, sha256_file(importance)[0])
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


def _matrix(native: Any, found: Importance) -> Any:
    """The C form: one entry for each weight, and one without a name."""
    entries = (native.llama_model_imatrix_data * (len(found.values) + 1))()
    for entry, name in zip(entries, sorted(found.values), strict=False):
        row = np.ascontiguousarray(found.values[name], dtype=np.float32)
        entry.name, entry.size = name.encode(), row.size
        entry.data = (ctypes.c_float * row.size)(*row.tolist())
    return entries


def _metadata(native: Any, found: Importance, digest: str) -> Any:
    """The keys that llama.cpp's own quantizer writes."""
    facts = {
        "quantize.imatrix.file": f"sha256 {digest}",
        "quantize.imatrix.dataset": found.source,
        "quantize.imatrix.entries_count": len(found.values),
        "quantize.imatrix.chunks_count": found.prompts,
    }
    entries = (native.llama_model_kv_override * (len(facts) + 1))()
    for entry, (key, value) in zip(entries, facts.items(), strict=False):
        entry.key = key.encode()
        if isinstance(value, str):
            entry.tag, entry.value.val_str = _STRING, value.encode()[:127]
        else:
            entry.tag, entry.value.val_i64 = _INTEGER, value
    return entries


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("scheme", choices=SCHEMES)
    parser.add_argument("--importance", type=Path)
    options = parser.parse_args()
    try:
        measured = _quantize_here(
            options.source, options.out, options.scheme, options.importance
        )
    except SftaError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
