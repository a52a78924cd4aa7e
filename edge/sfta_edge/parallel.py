"""Many prompts through one model: sequences start, run and end side by side.

A sequence that ends makes room for the next prompt at once (continuous batching), so the
weights are read from memory once for all running sequences instead of once for each.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.errors import ConfigError
from sfta_edge.generation import FinishReason, Generation, Limits, TextStream, Timings
from sfta_edge.model import Model
from sfta_edge.prefill import PIECE, PromptMemory, first_token_scores

AT_ONCE = 32
"""Prompts at work at once. Sixteen for each of two threads took a sixth less time than four."""
_CELL_BLOCK = 256  # llama.cpp rounds the cells of a sequence up to this
_MOST_BYTES = 1 << 30  # for what the sequences hold
_FEWEST = 8  # which may be more than that


def with_memory_for(model: Model, parallel: int, tokens: int) -> int:
    """How many of `parallel` texts of some tokens, prompt included, may be at work at once."""
    fit = _MOST_BYTES // max(1, _cells(tokens) * model.token_bytes)
    return min(parallel, max(_FEWEST, fit))


def _cells(tokens: int) -> int:
    return -(-tokens // _CELL_BLOCK) * _CELL_BLOCK


@dataclass(slots=True)
class _Sequence:
    """A prompt on its way."""

    index: int
    prompt_tokens: int
    token: int
    """Computed next."""
    reused: int
    scores: dict[int, float]
    began: float
    ready: float
    stream: TextStream = field(default_factory=TextStream)
    tokens: list[int] = field(default_factory=list)

    @property
    def position(self) -> int:
        return self.prompt_tokens + len(self.tokens) - 1


class ParallelRun:
    """One pass over a list of prompts; the context lives as long as the pass."""

    def __init__(
        self,
        model: Model,
        prompts: Sequence[Sequence[Sequence[int]]],
        limits: Limits,
        size: tuple[int, int],
    ) -> None:
        """`size`: sequences at once, threads. The prompts are known to fit."""
        parallel, threads = size
        if parallel < 1:
            raise ConfigError(f"parallel must be at least 1, not {parallel}")
        self._model, self._limits = model, limits
        self._prompts = prompts
        self._lengths = [sum(map(len, segments)) for segments in prompts]
        cells = _cells(max(self._lengths) + limits.max_tokens)
        lanes = min(parallel, len(prompts))
        shape = Shape(cells * lanes, max(PIECE, lanes), lanes, threads)
        self._context = Context(model, shape)
        self._memories = [PromptMemory(self._context, lane) for lane in range(lanes)]
        self._waiting = deque(range(len(prompts)))
        self._running: list[_Sequence | None] = [None] * lanes
        self._done: dict[int, Generation] = {}

    def finish(self, on_done: Callable[[], None] | None) -> list[Generation]:
        """Run until every prompt has its generation."""
        try:
            while len(self._done) < len(self._prompts):
                before = len(self._done)
                self._fill_lanes()
                self._step()
                for _ in range(len(self._done) - before):
                    if on_done is not None:
                        on_done()
        finally:
            self._context.close()
        return [self._done[index] for index in range(len(self._prompts))]

    def _fill_lanes(self) -> None:
        for lane, running in enumerate(self._running):
            if running is None and self._waiting:
                self._start(lane, self._waiting.popleft())

    def _start(self, lane: int, index: int) -> None:
        began = time.monotonic()
        read = self._memories[lane].prefill(self._prompts[index], self._limits)
        bias = self._limits.first_token_bias
        scores = first_token_scores(self._context.logits(read.row), bias)
        token = self._context.best(read.row, bias)
        self._running[lane] = _Sequence(
            index, self._lengths[index], token, read.reused, scores, began, time.monotonic()
        )
        self._take(lane)

    def _step(self) -> None:
        active = [(lane, s) for lane, s in enumerate(self._running) if s is not None]
        if not active:
            return
        self._context.decode([Entry(s.token, s.position, lane, True) for lane, s in active])
        for row, (lane, sequence) in enumerate(active):
            sequence.token = self._context.best(row)
            self._take(lane)

    def _take(self, lane: int) -> None:
        """Accept the token just chosen, or end the sequence with it."""
        sequence = self._running[lane]
        if sequence is None:
            return
        if self._model.ends(sequence.token):
            self._end(lane, sequence, "stop")
            return
        sequence.tokens.append(sequence.token)
        sequence.stream.feed(self._model.piece(sequence.token))
        if len(sequence.tokens) == self._limits.max_tokens:
            self._end(lane, sequence, "length")

    def _end(self, lane: int, sequence: _Sequence, reason: FinishReason) -> None:
        sequence.stream.finish()
        timings = Timings(
            (sequence.ready - sequence.began) * 1000,
            (time.monotonic() - sequence.ready) * 1000,
        )
        self._done[sequence.index] = Generation(
            sequence.stream.text,
            tuple(sequence.tokens),
            reason,
            sequence.prompt_tokens,
            sequence.reused,
            timings,
            sequence.scores,
        )
        self._running[lane] = None
