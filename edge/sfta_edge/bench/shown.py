"""Measured figures as lines for people."""

from collections.abc import Iterator

from sfta_edge.bench.figures import Series
from sfta_edge.bench.measured import Measured
from sfta_edge.bench.roofline import Held, decode_bytes

_MIB = 1 << 20
_ROW = "{:26}  {:>10}  {:>10}  {:>7}  {:>5}"


def bench_lines(found: Measured) -> Iterator[str]:
    """Everything that was measured, what it is held against, and what disturbed it."""
    reading, bundle = found.reading, found.bundle
    yield (
        f"{bundle['name']} {bundle['counter']}: {found.scheme or 'model'} on "
        f"{found.machine.threads} threads of {found.variant}, prompt of {reading.prompt_tokens} "
        f"tokens, {reading.prefix_tokens} of them system text"
    )
    yield _ROW.format("", "median", "p95", "spread", "runs")
    rows = {
        "first token cold ms": reading.cold,
        "first token restored ms": reading.restored,
        "first token again ms": reading.again,
        "prefill tok/s": reading.prefill,
        "decode tok/s": reading.decode,
        "retrieval ms": found.retrieve_ms,
        "question to first text ms": found.first_text_ms,
        "whole answer ms": found.answer_ms,
    }
    for name, series in rows.items():
        yield _row(name, series)
    yield f"guessed from the prompt: {found.guessed:.0%} of the answers' tokens"
    yield from _memory(found)
    yield from _roofline(found)
    for disturbance in found.disturbances:
        yield f"disturbed: {disturbance}; measure again when the device rests"


def _row(name: str, series: Series | None) -> str:
    if series is None:
        return f"{name:26}  {'none':>10}"
    figures = map(_short, (series.median, series.p95))
    return _ROW.format(name, *figures, f"{series.spread:.0%}", len(series.values))


def _memory(found: Measured) -> Iterator[str]:
    worker, server = found.memory.worker, found.memory.server
    told = "not told" if worker is None else f"{worker / _MIB:,.0f} MiB"
    yield f"most memory: model's process {told}, this process {server / _MIB:,.0f} MiB"


def _roofline(found: Measured) -> Iterator[str]:
    machine, read = found.machine, decode_bytes(found.work, found.reading.prompt_tokens)
    memory = f"{machine.bandwidth / 1e9:.3g} GB/s, {_short(read / _MIB)} MiB a token"
    yield f"decode   {_held(found.decode)}  limit: memory, {memory}"
    arithmetic = (
        f"{_short(machine.operations_per_second / 1e9)} GFLOP/s of 32 bit floats, "
        f"{found.work.operations / 1e9:.3g} GFLOP a token"
    )
    yield f"prefill  {_held(found.prefill)}  limit: arithmetic, {arithmetic}"


def _held(held: Held | None) -> str:
    if held is None:
        return "not measured"
    return f"{_short(held.measured)} of {_short(held.ceiling)} tok/s ({held.share:.0%})"


def _short(figure: float) -> str:
    """Four digits, or all before the point."""
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.4g}"
