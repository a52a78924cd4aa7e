"""How fast a prompt is read and a text is written, with more or less of it known already.

One prompt of the bundle's own is asked in three ways: as if nothing were in memory, with the
system text in memory, and once more. A number before the system text, or after it, makes it new.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sfta_edge.answer import StreamingEngine
from sfta_edge.bench.asking import CALLER
from sfta_edge.bench.figures import Series
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits

ANSWER_TOKENS = 7
"""So few that the engine does not guess what comes next, which would be another speed."""
_PATIENCE = 120.0  # seconds after which no further round begins
_AGAIN = 2
Segments = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """First tokens in milliseconds, speeds in tokens per second."""

    prompt_tokens: int
    prefix_tokens: int
    """Of the system text, which every question begins with."""
    cold: Series
    """First token where nothing of the prompt was in memory."""
    restored: Series
    """First token where the system text was in memory."""
    again: Series
    """First token of a prompt that was asked just before."""
    prefill: Series
    decode: Series | None
    """None if the model ended every answer before there was something to measure."""


@dataclass(frozen=True, slots=True)
class _Run:
    first_ms: float
    generation: Generation

    @property
    def prefill(self) -> float:
        made = self.generation
        return (made.prompt_tokens - made.reused_tokens) / (made.timings.prefill_ms / 1000)

    @property
    def decode(self) -> list[float]:
        made = self.generation
        # The token that uses up the budget is not computed with.
        steps = len(made.token_ids) - (made.finish_reason == "length")
        return [steps / (made.timings.decode_ms / 1000)] if steps > 0 else []


def measure_reading(engine: StreamingEngine, prompt: Segments, rounds: int) -> Reading:
    """Ask one prompt in each way, so many times.

    Args:
        engine: what computes.
        prompt: its first segment is the system text; with room for `ANSWER_TOKENS` and a number.
        rounds: how often at most; at least one, fewer on a slow device.

    Raises:
        ConfigError: a prompt of one segment.
    """
    if len(prompt) < 2 or rounds < 1:
        raise ConfigError(
            "a prompt to measure needs a system text and a question, once at least"
        )
    cold, restored, again = list[_Run](), list[_Run](), list[_Run]()
    began = time.monotonic()
    for number in range(rounds):
        if number and time.monotonic() - began > _PATIENCE:
            break
        mark = engine.tokenize(f"{7000 + number} ")
        cold.append(_run(engine, [mark, *prompt]))
        marked = [prompt[0], mark, *prompt[1:]]
        restored.append(_run(engine, marked))
        again += [_run(engine, marked) for _ in range(_AGAIN)]
    # The first time nothing at all was in memory: that round has told the engine the system text.
    warm = restored[1:] or restored
    written = [speed for run in again for speed in run.decode]
    return Reading(
        prompt_tokens=cold[0].generation.prompt_tokens,
        prefix_tokens=len(prompt[0]),
        cold=Series(tuple(run.first_ms for run in cold)),
        restored=Series(tuple(run.first_ms for run in warm)),
        again=Series(tuple(run.first_ms for run in again)),
        prefill=Series(tuple(run.prefill for run in cold)),
        decode=Series(tuple(written)) if written else None,
    )


def _run(engine: StreamingEngine, prompt: Segments) -> _Run:
    began, first = time.perf_counter(), None
    steps = engine.stream(prompt, Limits(ANSWER_TOKENS, caller=CALLER))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            generation: Generation = end.value
            total = (time.perf_counter() - began) * 1000
            return _Run(total if first is None else first, generation)
        if first is None:
            first = (time.perf_counter() - began) * 1000
