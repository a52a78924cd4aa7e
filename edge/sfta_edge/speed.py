"""How fast this device is, measured through the engine that answers, and held against a plan.

Every figure is the median of a few runs: a device does other things as well, and one slow run is
no reason to doubt it. Prompts are numbers in a row, which any model goes on counting.
"""

import os
import re
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_edge.llama import variant
from sfta_edge.prediction import Prediction

PROMPT_TOKENS = 512
_ANSWER_TOKENS = 33
_RUNS = 3
_PATIENCE = 60.0  # seconds after which no further run begins
_BUFFER = 256 << 20  # bytes; larger than the caches of the devices that this runs on
_ROUNDS = 5
_IN_CACHE = 1 << 17  # numbers of eight bytes
_PROC = Path("/proc")
SCHEMES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 30: "IQ4_XS", 32: "BF16",
}  # fmt: skip
"""Schemes by the number that `general.file_type` of a GGUF file holds (LLAMA_FTYPE_*)."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured."""

    variant: str
    """CPU backend of llama.cpp in use."""
    scheme: str
    threads: int
    core_share: float
    """Share of the cores' time that this process got when it wanted all of it, 0 to 1."""
    free_bytes: int
    """Memory that is still free beside the loaded model."""
    bandwidth: float
    """Bytes per second that all threads together read from memory."""
    prompt_tokens: int
    prefill_tokens_per_second: float
    first_token_seconds: float
    """Of reading the prompt and writing one token; the search before it is not in here."""
    decode_tokens_per_second: float | None
    """None if the model ended every answer before there was something to measure."""
    peak_bytes: int
    """Most memory this process has used, pages of the model's file included."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure, as it was planned and as it is."""

    figure: str
    predicted: float
    measured: float
    within: bool
    """Whether the distance is what a plan is expected to miss by."""

    @property
    def ratio(self) -> float:
        """Measured through predicted."""
        return self.measured / self.predicted


def measure(engine: Engine, prompt_tokens: int = PROMPT_TOKENS) -> Speed:
    """Measure this device with a model that is loaded.

    Args:
        engine: What computes.
        prompt_tokens: Length of the prompt; a shorter one is taken where it does not fit.

    Raises:
        ConfigError: the context is too small to measure in.
    """
    room = engine.context_tokens - _ANSWER_TOKENS
    if room < 1:
        raise ConfigError(
            f"a context of {engine.context_tokens} tokens is too small to measure in"
        )
    free, length = free_memory(), min(prompt_tokens, room)
    share = core_share(engine.threads)
    runs = _runs(engine, length)
    peak = peak_memory()  # before the buffers that the bandwidth is measured with
    return Speed(
        variant=variant(),
        scheme=scheme_of(engine),
        threads=engine.threads,
        core_share=share,
        free_bytes=free,
        bandwidth=memory_bandwidth(engine.threads, free // 4),
        prompt_tokens=length,
        prefill_tokens_per_second=median(run.prefill for run in runs),
        first_token_seconds=median(run.first_token for run in runs),
        decode_tokens_per_second=_median([run.decode for run in runs]),
        peak_bytes=peak,
    )


def compare(speed: Speed, prediction: Prediction) -> list[Compared]:
    """The figures that were planned and measured, in the order of a reader's interest."""
    pairs = [
        ("prefill_tokens_per_second", speed.prefill_tokens_per_second),
        ("first_token_seconds", speed.first_token_seconds),
        ("decode_tokens_per_second", speed.decode_tokens_per_second),
        ("bandwidth", speed.bandwidth),
        ("memory_bytes", float(speed.peak_bytes)),
    ]
    found = []
    for figure, measured in pairs:
        if measured is not None:
            predicted = float(getattr(prediction, figure))
            off = max(measured / predicted, predicted / measured)
            found.append(Compared(figure, predicted, measured, off <= prediction.spread))
    return found


def scheme_of(engine: Engine) -> str:
    """The scheme that the model's file states; empty if it is an unknown one."""
    stated = engine.model.metadata("general.file_type")
    return SCHEMES.get(int(stated), "") if stated.isdigit() else ""


def memory_bandwidth(threads: int, most: int = _BUFFER) -> float:
    """Bytes per second that `threads` threads read from memory together, each its own part.

    Args:
        threads: How many.
        most: Bytes that may be taken for it.
    """
    share = max(1, min(_BUFFER, most) // threads // 8)
    parts = [np.ones(share, dtype=np.uint64) for _ in range(threads)]
    rounds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            # numpy lets other threads run meanwhile, and reads faster than memory delivers.
            list(pool.map(np.bitwise_or.reduce, parts))
            rounds.append(time.perf_counter() - began)
    return sum(part.nbytes for part in parts) / median(rounds)


def core_share(threads: int, seconds: float = 0.3) -> float:
    """Share of so many cores that this process gets while it wants all of them, 0 to 1.

    Threads that compute together wait for the one that another program has held up, so that half
    of the cores can mean a hundredth of the speed.
    """
    numbers = np.ones(_IN_CACHE, dtype=np.uint64)

    def work(_: int) -> float:
        began, worked = time.perf_counter(), time.thread_time()
        while time.perf_counter() - began < seconds:
            np.bitwise_or.reduce(numbers)
        return (time.thread_time() - worked) / (time.perf_counter() - began)

    with ThreadPoolExecutor(threads) as pool:
        return min(1.0, sum(pool.map(work, range(threads))) / threads)


def free_memory(proc: Path = _PROC) -> int:
    """Bytes that programs can still have, what the system can give back included."""
    try:
        found = re.search(
            r"^MemAvailable:\s+(\d+) kB", (proc / "meminfo").read_text(), re.MULTILINE
        )
    except OSError:
        found = None
    if found:
        return int(found[1]) << 10
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_memory() -> int:
    """Most bytes of memory that this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@dataclass(frozen=True, slots=True)
class _Run:
    prefill: float
    first_token: float
    decode: float | None


def _runs(engine: Engine, prompt_tokens: int) -> list[_Run]:
    """One run to load what is loaded on first use, then those that count."""
    _run(engine, _numbers(engine, min(prompt_tokens, 32), 0))
    began, runs = time.monotonic(), list[_Run]()
    while len(runs) < _RUNS and (not runs or time.monotonic() - began < _PATIENCE):
        # Each begins with another number: what two prompts share would not be computed again.
        runs.append(_run(engine, _numbers(engine, prompt_tokens, 1000 * (len(runs) + 1))))
    return runs


def _run(engine: Engine, prompt: Sequence[int]) -> _Run:
    made = engine.generate(prompt, max_tokens=_ANSWER_TOKENS)
    # The token that uses up the budget is not computed with.
    steps = len(made.token_ids) - (made.finish_reason == "length")
    prefill = made.timings.prefill_ms / 1000
    decode = steps / (made.timings.decode_ms / 1000) if steps > 0 else None
    return _Run(len(prompt) / prefill, prefill + (1 / decode if decode else 0.0), decode)


def _numbers(engine: Engine, count: int, start: int) -> list[int]:
    """So many tokens of the text "1001 1002 1003 ...", which starts with a word of its own."""
    ids: list[int] = []
    while len(ids) < count:
        text = " ".join(map(str, range(start + 1, start + count + 2)))
        ids += engine.tokenize(text)
    return ids[:count]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
