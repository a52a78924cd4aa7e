"""An engine over any runtime: what asks GGUF files through the code of a device asks these too.

`sfta_edge.answer` asks for texts to be written and compared. On a device `sfta_edge.engine`
does both; here the same is done over whatever reads a text token by token and can step back, so
that a model which is no GGUF file answers the same questions in the same way.

It is the simplest way and not a fast one: one text at a time.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, Self

import numpy as np

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import (
    FinishReason,
    Generation,
    Limits,
    Prompt,
    Scored,
    Timings,
    as_segments,
    drain,
    require_room,
)
from sfta_edge.prefill import first_token_scores
from sfta_edge.prompt import Tokenize
from sfta_edge.scoring import log_softmax
from sfta_export.reference import Floats


class Stepper(Protocol):
    """A model that reads one text and can step back in it."""

    def begin(self) -> None:
        """Forget all of it."""

    def read(self, ids: Sequence[int], rows: int = 1) -> Floats:
        """Go on with these tokens; logits after each of the last `rows`, (rows, vocabulary)."""

    def back_to(self, count: int) -> None:
        """Forget what came after so many tokens."""


class PlainEngine:
    """Satisfies `sfta_edge.answer.ParallelEngine`; one thread at a time.

    A prompt that goes on from the last one is computed from there, any other from its start:
    the result does not depend on what was asked before.
    """

    def __init__(
        self,
        stepper: Stepper,
        tokenize: Tokenize,
        spell: Callable[[Sequence[int]], str],
        *,
        ends: Iterable[int],
        context_tokens: int,
    ) -> None:
        """Wrap a model.

        Args:
            stepper: The model.
            tokenize: Its tokenizer.
            spell: Text of written tokens; none for special ones.
            ends: Tokens that end an answer.
            context_tokens: Room for prompt and answer.
        """
        self._stepper, self._tokenize, self._spell = stepper, tokenize, spell
        self._ends, self.context_tokens = frozenset(ends), context_tokens
        self._kept: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The model is freed with the last reference to it."""

    def tokenize(self, text: str, special: bool = False) -> list[int]:  # noqa: FBT001, FBT002 prompt.Tokenize
        """Token ids of a text; satisfies `prompt.Tokenize`."""
        return self._tokenize(text, special)

    def score(self, prompt: Prompt, options: Sequence[Sequence[int]], limits: Limits) -> Scored:
        """How likely each option comes after the prompt.

        Raises:
            ContextOverflowError: prompt and longest option do not fit.
            ConfigError: an empty prompt or option.
        """
        began, ids = time.monotonic(), _flat(prompt)
        require_room(len(ids), max(map(len, options), default=0), self.context_tokens)
        if not all(options):
            raise ConfigError("an option needs at least one token")
        start, reused = self._read_prompt(ids)
        first, scores = log_softmax(start), list[tuple[float, ...]]()
        reason: FinishReason | None = None
        for option in options:
            if reason := limits.interruption():
                break
            scores.append((float(first[option[0]]), *self._following(option, len(ids))))
        spent = (time.monotonic() - began) * 1000
        return Scored(tuple(scores), len(ids), reused, spent, reason)

    def stream(self, prompt: Prompt, limits: Limits) -> Generator[str, None, Generation]:
        """Write the most probable answer; its text comes in one piece.

        Raises:
            ContextOverflowError: prompt and answer do not fit; nothing was computed.
            ConfigError: an empty prompt.
            IntegrityError: the model computes values that are no numbers.
        """
        began, ids = time.monotonic(), _flat(prompt)
        require_room(len(ids), limits.max_tokens, self.context_tokens)
        row, reused = self._read_prompt(ids)
        ready = time.monotonic()
        scores = first_token_scores(row, limits.first_token_bias)
        tokens, reason = self._write(row, limits)
        text = self._spell(tokens)
        if text:
            yield text
        timings = Timings((ready - began) * 1000, (time.monotonic() - ready) * 1000)
        return Generation(text, tuple(tokens), reason, len(ids), reused, timings, scores)

    def generate_many(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        first_token_bias: Mapping[int, float] | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> list[Generation]:
        """Generations in the order of the prompts, one after the other."""
        limits, found = Limits(max_tokens, first_token_bias=dict(first_token_bias or {})), []
        for prompt in prompts:
            found.append(drain(self.stream(prompt, limits)))
            if on_done is not None:
                on_done()
        return found

    @contextmanager
    def lanes(self) -> Iterator[list[Self]]:
        """This engine alone."""
        yield [self]

    def _read_prompt(self, ids: list[int]) -> tuple[Floats, int]:
        """Logits after the prompt, and how many of its tokens were read before."""
        kept = self._kept
        known = len(kept) if kept and len(kept) < len(ids) and ids[: len(kept)] == kept else 0
        if not known:
            self._stepper.begin()
        # Nothing is known until all of it has been read.
        self._kept = []
        row = self._stepper.read(ids[known:])[-1]
        self._kept = list(ids)
        return row, known

    def _following(self, option: Sequence[int], position: int) -> list[float]:
        """Log-probabilities of all tokens of an option but the first."""
        known = option[:-1]
        if not known:
            return []
        rows = self._stepper.read(known, len(known))
        self._stepper.back_to(position)
        return [
            float(log_softmax(row)[token]) for row, token in zip(rows, option[1:], strict=True)
        ]

    def _write(self, row: Floats, limits: Limits) -> tuple[list[int], FinishReason]:
        tokens: list[int] = []
        bias: Mapping[int, float] = limits.first_token_bias
        while True:
            token = _best(row, bias)
            if token in self._ends:
                return tokens, "stop"
            tokens.append(token)
            if limits.stop is not None and limits.stop(self._spell(tokens)):
                return tokens, "stop"
            if len(tokens) == limits.max_tokens:
                return tokens, "length"
            if interrupted := limits.interruption():
                return tokens, interrupted
            row, bias = self._stepper.read([token])[-1], {}
            self._kept.append(token)


def _flat(prompt: Prompt) -> list[int]:
    return [token for segment in as_segments(prompt) for token in segment]


def _best(row: Floats, bias: Mapping[int, float]) -> int:
    """The most probable token, of equals the lower."""
    row = row.copy()
    for token, value in bias.items():
        row[token] += value
    token = int(np.argmax(row))
    if not np.isfinite(row[token]):
        raise IntegrityError("the model computes values that are no numbers")
    return token
