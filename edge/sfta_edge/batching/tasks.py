"""What the engine is asked to do: write after a prompt, or compare texts after it."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from sfta_edge.batching.grammar import Grammar
from sfta_edge.batching.lookup import Lookup
from sfta_edge.batching.memory import Piece, Slot
from sfta_edge.context import Floats
from sfta_edge.generation import (
    FinishReason,
    Generation,
    Limits,
    Scored,
    TextStream,
    Timings,
)
from sfta_edge.prefill import PIECE
from sfta_edge.scoring import SCORED, Option, OptionGroup


@dataclass(frozen=True, slots=True)
class Text:
    """Text that became complete."""

    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """How many tasks are served before this one."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Done:
    """The result; nothing follows."""

    result: Generation | Scored


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is none; nothing follows."""

    error: BaseException


Event = Text | Place | Done | Failed


@dataclass(eq=False, slots=True, kw_only=True)
class Task(ABC):
    """A prompt on its way, and the caller's end of it."""

    segments: Sequence[Sequence[int]]
    limits: Limits
    room: int
    """Tokens that may come after the prompt."""
    grammar: Grammar | None = None
    """What a text has to follow."""
    events: SimpleQueue[Event] = field(default_factory=SimpleQueue)
    pieces: tuple[Piece, ...] = field(init=False)
    count: int = field(init=False)
    """Tokens of the prompt."""
    left: bool = False
    """The caller does not listen any more."""
    place: int = -1
    """The last one told."""
    slot: Slot | None = None
    reused: int = 0
    began: float = 0.0
    """When it got its slot."""

    def __post_init__(self) -> None:
        self.pieces = tuple(
            tuple(segment[at : at + PIECE])
            for segment in self.segments
            for at in range(0, len(segment), PIECE)
        )
        self.count = sum(map(len, self.pieces))

    @property
    def held(self) -> Slot:
        """Its slot, once it has one."""
        assert self.slot is not None
        return self.slot

    @property
    def read(self) -> bool:
        """Whether all of the prompt is in memory."""
        return self.slot is not None and len(self.slot.blocks) == len(self.pieces)

    def start(self, slot: Slot) -> None:
        """Its turn has come."""
        self.slot, self.reused, self.began = slot, slot.held, time.monotonic()

    def interruption(self) -> FinishReason | None:
        """Why it has to end now, if it has to."""
        return "cancelled" if self.left else self.limits.interruption()

    def tell_place(self, waiting: int) -> None:
        """Say where in the queue it is, if that is new."""
        if waiting != self.place:
            self.place = waiting
            self.events.put(Place(waiting))

    @abstractmethod
    def interrupted(self, reason: FinishReason) -> Generation | Scored:
        """The result if it has to end now."""

    def close(self) -> None:
        """Let go of what lies outside of Python's memory."""
        if self.grammar is not None:
            self.grammar.close()


@dataclass(eq=False, slots=True, kw_only=True)
class Writing(Task):
    """Text is to be written after the prompt."""

    lookup: Lookup | None = None
    """Where the next tokens are guessed from; None: they are not."""
    stream: TextStream = field(default_factory=TextStream)
    tokens: list[int] = field(default_factory=list)
    """Written so far; the last one is not in memory yet."""
    scores: dict[int, float] = field(default_factory=dict)
    ready: float = 0.0
    """When the prompt was in memory."""

    @property
    def position(self) -> int:
        """Where the last token will stand."""
        return self.count + len(self.tokens) - 1

    @property
    def left_to_write(self) -> int:
        """Tokens that may still come."""
        return self.limits.max_tokens - len(self.tokens)

    def interrupted(self, reason: FinishReason) -> Generation:
        return self.finished(reason)

    def finished(self, reason: FinishReason) -> Generation:
        """The generation, ended now."""
        if rest := self.stream.finish():
            self.events.put(Text(rest))
        now = time.monotonic()
        read = (self.ready or now) - self.began if self.began else 0.0
        written = now - self.ready if self.ready else 0.0
        return Generation(
            self.stream.text,
            tuple(self.tokens),
            reason,
            self.count,
            self.reused,
            Timings(read * 1000, written * 1000),
            self.scores,
        )


@dataclass(eq=False, slots=True, kw_only=True)
class Comparing(Task):
    """Texts are to be compared after the prompt."""

    options: Sequence[Option]
    groups: Iterator[OptionGroup]
    first: Floats | None = None
    """Log-probabilities of the token after the prompt."""
    known: dict[Option, tuple[float, ...]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every text has its scores."""
        return len(self.known) == len(set(self.options))

    def interrupted(self, reason: FinishReason) -> Scored:
        return Scored((), self.count, self.reused, self._spent(), reason)

    def finished(self) -> Scored:
        """The scores in the order of the texts."""
        scores = tuple(self.known[option] for option in self.options)
        return Scored(scores, self.count, self.reused, self._spent())

    def _spent(self) -> float:
        return (time.monotonic() - self.limits.started) * 1000


def room_to_compare(options: Sequence[Sequence[int]], left: int) -> int:
    """Tokens that comparing texts takes at most, where `left` fit after the prompt."""
    return min(left, max(SCORED, *map(len, options), 0))
