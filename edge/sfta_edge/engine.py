"""The model at work: prompt in, text out, within limits that hold.

Rules this module upholds:

- Greedy by default: the most probable token, ties to the lower id.
- `max_tokens`, the deadline and cancellation end every generation, whatever the model writes;
  the two latter are looked at between pieces of the prompt and after each token.
- The result depends on the prompt and not on what was asked before; see `prefill`.
- One thread computes at a time; the others wait, at most until their deadline.

llama-cpp-python's own `Llama` class is not used: it is not safe for threads, its token budget
can be passed by, and its state costs hundreds of megabytes.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from sfta_edge.context import Context, Entry, Floats, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import ConfigError
from sfta_edge.generation import (
    FinishReason,
    Generation,
    Limits,
    Prompt,
    Scored,
    TextStream,
    Timings,
    as_segments,
    drain,
    require_room,
)
from sfta_edge.lanes import in_shares
from sfta_edge.model import Model
from sfta_edge.parallel import AT_ONCE, ParallelRun, with_memory_for
from sfta_edge.prefill import PIECE, PromptMemory, first_token_scores
from sfta_edge.scoring import SCORED, SIDE_BY_SIDE, grouped, log_softmax, score_group


class Engine:
    """One model with one context. Threads may share it."""

    def __init__(
        self, model: Path | Model, *, context_tokens: int = 4096, threads: int | None = None
    ) -> None:
        """Load the model.

        Args:
            model: GGUF file, or one that is loaded and stays open when the engine is closed.
            context_tokens: Room for prompt and answer; never more than the model was trained
                for.
            threads: Default: one per physical core this process may use.

        Raises:
            ConfigError: no such file, or a model that cannot generate.
            IntegrityError: the file is damaged.
            SftaError: not enough memory for the context.
        """
        if context_tokens < 1:
            raise ConfigError(f"context_tokens must be at least 1, not {context_tokens}")
        self.threads = threads or physical_cores()
        self.model = Model(model) if isinstance(model, Path) else model
        self._close_model = self.model.close if isinstance(model, Path) else _nothing
        if self.model.is_encoder:
            self._close_model()
            raise ConfigError(
                f"{self.model.path} is a model that embeds text, it cannot write",
                hint="Give the language model, not the embedder.",
            )
        self.context_tokens = min(context_tokens, self.model.trained_context)
        """Tokens of prompt and answer that fit."""
        batch = min(PIECE, self.context_tokens)
        # A recurrent model's sequences cannot share what they have in common.
        texts = 0 if self.model.is_recurrent else SIDE_BY_SIDE
        shape = Shape(
            self.context_tokens, batch, 1 + texts, self.threads,
            outputs=min(SCORED, batch), unified=True,
        )  # fmt: skip
        self._context = Context(self.model, shape)
        self._memory = PromptMemory(self._context)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return self.model.metadata("general.name") or self.model.path.stem

    def tokenize(self, text: str, special: bool = False) -> list[int]:  # noqa: FBT001, FBT002 prompt.Tokenize
        """Token ids of a text; satisfies `prompt.Tokenize`."""
        return self.model.tokenize(text, special)

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        stop: Callable[[str], bool] | None = None,
        deadline: float | None = None,
        cancel: threading.Event | None = None,
        first_token_bias: Mapping[int, float] | None = None,
    ) -> Generation:
        """Write at most `max_tokens` tokens; see `Limits` for what else ends it.

        Raises:
            ContextOverflowError: prompt and answer do not fit; nothing was computed.
            ConfigError: an empty prompt or a token outside the vocabulary.
            IntegrityError: the model computes values that are no numbers.
        """
        limits = Limits(max_tokens, stop, deadline, cancel, dict(first_token_bias or {}))
        return drain(self.stream(prompt, limits))

    def stream(self, prompt: Prompt, limits: Limits) -> Generator[str, None, Generation]:
        """As `generate`, yielding text as it becomes complete; returns the generation.

        Close the generator to stop early; other callers wait until it ends or is closed.
        """
        segments = as_segments(prompt)
        count = sum(map(len, segments))
        require_room(count, limits.max_tokens, self.context_tokens)
        with self._turn(limits) as got_it:
            if not got_it:
                return Generation("", (), "deadline", count)
            began = time.monotonic()
            read = self._memory.prefill(segments, limits)
            ready = time.monotonic()
            prefill_ms = (ready - began) * 1000
            if read.interrupted:
                nothing = Timings(prefill_ms)
                return Generation("", (), read.interrupted, count, read.reused, nothing)
            row, bias = self._context.logits(read.row), limits.first_token_bias
            scores = first_token_scores(row, bias)
            text, tokens, reason = yield from self._decode(count, read.row, limits)
            timings = Timings(prefill_ms, (time.monotonic() - ready) * 1000)
        return Generation(text, tokens, reason, count, read.reused, timings, scores)

    def score(self, prompt: Prompt, options: Sequence[Sequence[int]], limits: Limits) -> Scored:
        """How likely each option comes after the prompt. Nothing of an option stays in memory.

        Raises:
            ContextOverflowError: prompt and longest option do not fit.
            ConfigError: an empty prompt or option, or a recurrent model: it cannot step back.
        """
        segments, began = as_segments(prompt), time.monotonic()
        count = sum(map(len, segments))
        require_room(count, max(map(len, options), default=0), self.context_tokens)
        shape, known = self._context.shape, dict[tuple[int, ...], tuple[float, ...]]()
        size = min(SCORED, shape.batch, self.context_tokens - count)
        groups = list(grouped(options, size, max(1, shape.sequences - 1)))
        with self._turn(limits) as got_it:
            if not got_it:
                return Scored((), count, interrupted="deadline")
            read = self._memory.prefill(segments, limits)
            reason = read.interrupted
            if reason is None:
                start = log_softmax(self._context.logits(read.row))
                for group in groups:
                    if reason := limits.interruption():
                        break
                    known |= score_group(self._context, group, count, start)
        spent = (time.monotonic() - began) * 1000
        scores = () if reason else tuple(known[tuple(option)] for option in options)
        return Scored(scores, count, read.reused, spent, reason)

    def logits(self, prompt: Prompt) -> Floats:
        """Logits of the token after the prompt, shape (vocabulary,)."""
        segments = as_segments(prompt)
        require_room(sum(map(len, segments)), 0, self.context_tokens)
        with self._lock:
            read = self._memory.prefill(segments, Limits(1))
            return self._context.logits(read.row).copy()

    def generate_many(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        parallel: int = AT_ONCE,
        first_token_bias: Mapping[int, float] | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> list[Generation]:
        """Generations for many prompts, in the order of the prompts.

        At most `parallel` are written at once, and fewer by a model whose memory is large. Each
        equals what `generate` gives up to rounding: batches of another shape add in another order,
        which can flip a near tie. `on_done` is called after each prompt.

        The prompts are dealt out to as many runs as there are threads, and each run computes
        with one: threads that share a batch wait for each other at every layer, and spin while
        they wait, which beside a busy process takes many times longer than the work.

        Raises:
            ContextOverflowError: one prompt does not fit; nothing was computed.
        """
        limits = Limits(max_tokens, first_token_bias=dict(first_token_bias or {}))
        work = [as_segments(prompt) for prompt in prompts]
        for segments in work:
            require_room(sum(map(len, segments)), max_tokens, self.context_tokens)
        if not work:
            return []
        longest = max(sum(map(len, segments)) for segments in work) + max_tokens
        parallel = with_memory_for(self.model, parallel, longest)
        count = max(1, min(self.threads, len(work), parallel))
        size = (-(-parallel // count), self.threads if count == 1 else 1)
        counted = _one_at_a_time(on_done)

        def finish(_: int, share: Sequence[list[list[int]]]) -> list[Generation]:
            return ParallelRun(self.model, share, limits, size).finish(counted)

        with self._lock:
            return in_shares(count, finish, work)

    @contextmanager
    def lanes(self) -> Iterator[list["Engine"]]:
        """Engines that work side by side: one for each thread, over the same weights.

        Threads that share one computation wait for each other, see `generate_many`. The lanes
        are closed afterwards.
        """
        with ExitStack() as stack:
            size = {"context_tokens": self.context_tokens, "threads": 1}
            yield [stack.enter_context(Engine(self.model, **size)) for _ in range(self.threads)]

    def close(self) -> None:
        """Free all memory; waits for the generation in progress."""
        with self._lock:
            self._context.close()
            self._close_model()

    @contextmanager
    def _turn(self, limits: Limits) -> Iterator[bool]:
        left = limits.seconds_left
        got_it = self._lock.acquire(timeout=-1 if left is None else left)
        try:
            yield got_it
        finally:
            if got_it:
                self._lock.release()

    def _decode(
        self, position: int, row: int, limits: Limits
    ) -> Generator[str, None, tuple[str, tuple[int, ...], FinishReason]]:
        stream, tokens = TextStream(), list[int]()
        bias: Mapping[int, float] | None = limits.first_token_bias
        reason: FinishReason
        while True:
            token = self._context.best(row, bias)
            if self.model.ends(token):
                reason = "stop"
                break
            tokens.append(token)
            if piece := stream.feed(self.model.piece(token)):
                yield piece
            if limits.stop is not None and limits.stop(stream.text):
                reason = "stop"
                break
            if len(tokens) == limits.max_tokens:
                reason = "length"
                break
            if interrupted := limits.interruption():
                reason = interrupted
                break
            self._context.decode([Entry(token, position, wanted=True)])
            position, row, bias = position + 1, 0, None
        if rest := stream.finish():
            yield rest
        return stream.text, tuple(tokens), reason


def _nothing() -> None:
    """The model belongs to somebody else."""


def _one_at_a_time(call: Callable[[], None] | None) -> Callable[[], None]:
    lock = threading.Lock()

    def locked() -> None:
        if call is not None:
            with lock:
                call()

    return locked
