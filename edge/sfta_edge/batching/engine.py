"""The engine that serves many callers at once.

As `sfta_edge.engine.Engine`, but callers do not wait for each other's answers: their texts are
written together, from one context. Rules this module upholds:

- Greedy, and limits hold as there. What is computed differs from there by rounding: a batch of
  another shape, and a prompt at another place in memory, add in another order. Where two tokens
  are almost as good, the text may go on with the other one.
- Callers take turns, see `turns`; a long prompt is read in pieces between which others go on.
- Whatever becomes of the engine, nobody waits for ever: a failure reaches all whom it concerns.
"""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Self

from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.computing import Computation
from sfta_edge.batching.counters import EngineCounters
from sfta_edge.batching.following import OnPlace, followed
from sfta_edge.batching.grammar import Grammar
from sfta_edge.batching.lookup import Lookup
from sfta_edge.batching.loop import Loop
from sfta_edge.batching.memory import SlotMemory
from sfta_edge.batching.sharing import ThreadChoice
from sfta_edge.batching.snapshots import Snapshots, state_identity
from sfta_edge.batching.state_files import StateStore
from sfta_edge.batching.tasks import Comparing, Writing, room_to_compare
from sfta_edge.batching.waiting import EngineStoppedError, WaitingRoom
from sfta_edge.context import Context, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import ConfigError
from sfta_edge.generation import (
    Generation,
    Limits,
    Prompt,
    Scored,
    as_segments,
    drain,
    require_room,
)
from sfta_edge.model import Model
from sfta_edge.prefill import PIECE
from sfta_edge.scoring import SCORED, SIDE_BY_SIDE, grouped

_NOTHING_TO_COPY = 8  # tokens; a shorter answer is over before guessing pays


class BatchEngine:
    """One model for many callers. Threads may share it; satisfies `answer.StreamingEngine`."""

    def __init__(
        self,
        model: Path | Model,
        *,
        context_tokens: int = 4096,
        threads: int | None = None,
        capacity: Capacity | None = None,
        adapters: Mapping[str, Path] | None = None,
        cache: Path | StateStore | None = None,
        model_sha256: str | None = None,
    ) -> None:
        """Load the model and start the engine's thread.

        Args:
            model: GGUF file, or one that is loaded and stays open when the engine is closed.
            context_tokens: Room for one prompt and its answer.
            threads: That may share a computation. Default: one per physical core.
            capacity: How much it takes on; default: the defaults.
            adapters: LoRA adapters by the name that `Limits.adapter` gives.
            cache: Where to keep what is known after the system prefix: a folder or a store;
                None: nothing is kept.
            model_sha256: Of the file, if it is known; only needed with `cache`.

        Raises:
            ConfigError: no such file, or a model that cannot generate.
            IntegrityError: a file is damaged, or an adapter is for another model.
            SftaError: not enough memory for the context.
        """
        if context_tokens < 1:
            raise ConfigError(f"context_tokens must be at least 1, not {context_tokens}")
        self.threads = threads or physical_cores()
        self.capacity = capacity or Capacity()
        self.model = Model(model) if isinstance(model, Path) else model
        self._owns_model = isinstance(model, Path)
        try:
            self._require_writer()
            self._steps_back = not self.model.is_recurrent
            self.context_tokens = min(context_tokens, self.model.trained_context)
            """Tokens of prompt and answer that fit."""
            self._adapters = {
                n: self.model.load_adapter(p) for n, p in (adapters or {}).items()
            }
            snapshots = self._snapshots(cache, adapters or {}, model_sha256)
            computation = self._made(snapshots)
            computation.warm_up()
        except BaseException:
            self._close_model()
            raise
        self._start(computation)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return self.model.metadata("general.name") or self.model.path.stem

    @property
    def alive(self) -> bool:
        """Whether it serves; False once it is closed or broke down."""
        return self._thread.is_alive() and not self._room.closed

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
        """Write at most `max_tokens` tokens; raises as `stream`."""
        limits = Limits(max_tokens, stop, deadline, cancel, dict(first_token_bias or {}))
        return drain(self.stream(prompt, limits))

    def stream(
        self, prompt: Prompt, limits: Limits, *, on_place: OnPlace | None = None
    ) -> Generator[str, None, Generation]:
        """Text as it becomes complete; returns the generation. Closing the generator cancels.

        `on_place` is called by the thread that waits for the text.

        Raises:
            ContextOverflowError: prompt and answer do not fit; nothing was computed.
            ConfigError: an empty prompt, a token outside the vocabulary, a grammar that cannot be
                used, an adapter that is not there.
            IntegrityError: the model computes values that are no numbers.
            BusyError: too many wait.
            EngineStoppedError: the engine is closed, or broke down.
        """
        segments = self._checked(prompt, limits, limits.max_tokens)
        grammar = Grammar(self.model, limits.grammar) if limits.grammar is not None else None
        guesses = self.capacity.guessed and limits.max_tokens >= _NOTHING_TO_COPY
        flat = [token for segment in segments for token in segment]
        task = Writing(
            segments=segments,
            limits=limits,
            room=limits.max_tokens,
            grammar=grammar,
            lookup=Lookup(flat, self.capacity.guessed)
            if guesses and self._steps_back
            else None,
        )
        result = yield from followed(self._room, task, on_place)
        assert isinstance(result, Generation)
        return result

    def score(
        self,
        prompt: Prompt,
        options: Sequence[Sequence[int]],
        limits: Limits,
        *,
        on_place: OnPlace | None = None,
    ) -> Scored:
        """How likely each option comes after the prompt. Nothing of an option stays in memory.

        Raises:
            ConfigError: also an empty option, or a recurrent model; else as `stream`.
        """
        longest = max(map(len, options), default=0)
        segments = self._checked(prompt, limits, longest)
        left = self.context_tokens - sum(map(len, segments))
        texts = SIDE_BY_SIDE if self._steps_back else 1
        size = max(1, min(SCORED, left))
        wanted = [tuple(option) for option in options]
        if not all(wanted):
            raise ConfigError("an option needs at least one token")
        task = Comparing(
            segments=segments,
            limits=limits,
            room=room_to_compare(wanted, left),
            options=wanted,
            groups=grouped(wanted, size, texts),
        )
        result = drain(followed(self._room, task, on_place))
        assert isinstance(result, Scored)
        return result

    def counters(self) -> EngineCounters:
        """What it has done and is doing."""
        return self._loop.counters()

    def close(self) -> None:
        """End what is running, and free all memory."""
        with self._closing:
            self._room.close(EngineStoppedError("the engine has been closed"))
            self._computation.abandoned = True
            self._thread.join()
            self._computation.close()
            self._close_model()

    def _checked(self, prompt: Prompt, limits: Limits, room: int) -> list[list[int]]:
        """The segments of a prompt that can be computed."""
        segments = as_segments(prompt)
        require_room(sum(map(len, segments)), room, self.context_tokens)
        for segment in segments:
            for token in (min(segment), max(segment)):
                if not 0 <= token < self.model.token_count:
                    raise ConfigError(
                        f"token {token} is not in the vocabulary of {self.model.token_count}"
                    )
        if limits.adapter is not None and limits.adapter not in self._adapters:
            raise ConfigError(
                f"there is no adapter {limits.adapter!r}",
                hint=f"Known: {', '.join(sorted(self._adapters)) or 'none'}.",
            )
        return segments

    def _start(self, computation: Computation) -> None:
        self._room = WaitingRoom(self.capacity.waiting)
        self._loop = Loop(computation, self._room, self.capacity.parallel)
        self._computation = computation
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._loop.run, name="sfta-engine", daemon=True)
        self._thread.start()

    def _require_writer(self) -> None:
        if self.model.is_encoder:
            raise ConfigError(
                f"{self.model.path} is a model that embeds text, it cannot write",
                hint="Give the language model, not the embedder.",
            )

    def _made(self, snapshots: Snapshots | None) -> Computation:
        capacity = self.capacity
        # Twice as many prompts are known as tasks run: a question that comes again finds its own.
        slots = 2 * capacity.parallel if self._steps_back else capacity.parallel
        cells = max(self.context_tokens, capacity.memory_tokens or 2 * self.context_tokens)
        beside = SIDE_BY_SIDE if self._steps_back else 0
        rows = max(SCORED, capacity.parallel)
        shape = Shape(
            cells, max(PIECE, rows), slots + beside, self.threads, outputs=rows, unified=True
        )
        context = Context(self.model, shape)
        memory = SlotMemory(context, slots=slots, cells=cells, steps_back=self._steps_back)
        return Computation(
            context,
            memory,
            ThreadChoice(self.threads),
            beside=slots,
            adapters=self._adapters,
            snapshots=snapshots if self._steps_back else None,
        )

    def _snapshots(
        self,
        cache: Path | StateStore | None,
        adapters: Mapping[str, Path],
        model_sha256: str | None,
    ) -> Snapshots | None:
        if cache is None:
            return None
        return Snapshots(cache, state_identity(self.model, adapters, model_sha256))

    def _close_model(self) -> None:
        if self._owns_model:
            self.model.close()
