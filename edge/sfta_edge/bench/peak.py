"""The most arithmetic this machine does, measured in a process of its own.

    python -m sfta_edge.bench.peak

The linear algebra below numpy decides on its threads when it is loaded, and keeps the memory it
took: neither is wanted in a process that measures something else.
"""

import os
import subprocess
import sys
import time

import numpy as np

from sfta_edge.errors import ToolError

_SIZE = 1024
_ROUNDS = 5
_SECONDS = 300.0
_LIMITS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS")


def peak_operations(threads: int) -> float:
    """Multiplications and additions of 32 bit floats per second, by so many threads.

    Raises:
        ToolError: the process that measures failed.
    """
    limits = dict.fromkeys(_LIMITS, str(threads))
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
            env={**os.environ, **limits},
        )
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ToolError(f"the peak of this machine cannot be measured: {error}") from error


def multiplied(size: int = _SIZE, rounds: int = _ROUNDS) -> float:
    """Operations per second of the fastest of some products of square matrices."""
    left = np.ones((size, size), dtype=np.float32)
    product = np.empty_like(left)
    best = float("inf")
    np.matmul(left, left, out=product)
    for _ in range(rounds):
        began = time.perf_counter()
        np.matmul(left, left, out=product)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


if __name__ == "__main__":
    sys.stdout.write(f"{multiplied()}\n")
