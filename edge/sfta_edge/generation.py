"""What a generation is: its limits, its result, and the text that grows from bytes."""

import codecs
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from sfta_edge.errors import ConfigError, ToolError

FinishReason = Literal["stop", "length", "deadline", "cancelled"]
Result = TypeVar("Result")
Prompt = Sequence[int] | Sequence[Sequence[int]]
"""Token ids, or one list of token ids per segment."""


class EngineDownError(ToolError):
    """What computes is not there now: the process of the model or the embedder is gone or new.

    Nothing is wrong with the question. It can be asked again, or answered in a lesser way.
    """


class ContextOverflowError(ConfigError):
    """Prompt and answer do not fit into the context; nothing was computed."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in milliseconds."""

    prefill_ms: float = 0.0
    """Reading the prompt."""
    decode_ms: float = 0.0
    """Writing the answer."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What the model wrote, and why it stopped."""

    text: str
    """Bytes that are no UTF-8 are replaced by U+FFFD."""
    token_ids: tuple[int, ...]
    """Without the token that ended it."""
    finish_reason: FinishReason
    prompt_tokens: int
    reused_tokens: int = 0
    """Prompt tokens that were still in memory."""
    timings: Timings = field(default_factory=Timings)
    first_token_scores: Mapping[int, float] = field(default_factory=dict)
    """For each token of `first_token_bias`: how sure the model was, without the bias, that it
    comes first, against the best other token; 0 to 1, above 0.5 means it was the first choice."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely the model finds each of several texts after a prompt."""

    options: tuple[tuple[float, ...], ...]
    """Natural logarithm of the probability of each token, for each text."""
    prompt_tokens: int
    reused_tokens: int = 0
    """Prompt tokens that were still in memory."""
    milliseconds: float = 0.0
    interrupted: FinishReason | None = None
    """Why it ended before the last text did."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a generation besides the model itself."""

    max_tokens: int
    stop: Callable[[str], bool] | None = None
    """Called with the text so far after each token; True ends with reason ``stop``."""
    deadline: float | None = None
    """Seconds from the call on, waiting for other callers included."""
    cancel: threading.Event | None = None
    first_token_bias: Mapping[int, float] = field(default_factory=dict)
    """Added to the logits of these tokens, for the first token only."""
    caller: str = ""
    """Whose turn it is: an engine that serves many lets callers take turns."""
    grammar: str | None = None
    """GBNF that the text must follow; None: no constraint. Only for engines that serve many."""
    adapter: str | None = None
    """Name of a LoRA adapter that was loaded beside the model; None: the model alone."""
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if isinstance(self.max_tokens, bool) or self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.deadline is not None and not self.deadline > 0:
            raise ConfigError(f"deadline must be more than 0 seconds, not {self.deadline}")

    @property
    def seconds_left(self) -> float | None:
        """Time until the deadline, never negative; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - (time.monotonic() - self.started))

    def interruption(self) -> FinishReason | None:
        """Why the work has to end now, if it has to."""
        if self.cancel is not None and self.cancel.is_set():
            return "cancelled"
        return "deadline" if self.seconds_left == 0.0 else None


class TextStream:
    """Bytes in, text out; bytes of an unfinished character wait for the rest.

    The pieces joined are the UTF-8 decoding of all bytes, with U+FFFD for what is none.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pieces: list[str] = []

    def feed(self, raw: bytes) -> str:
        """The text that became complete."""
        return self._keep(self._decoder.decode(raw))

    def finish(self) -> str:
        """What is left at the end, as U+FFFD."""
        return self._keep(self._decoder.decode(b"", final=True))

    @property
    def text(self) -> str:
        """Everything so far."""
        return "".join(self._pieces)

    def _keep(self, piece: str) -> str:
        if piece:
            self._pieces.append(piece)
        return piece


def drain(steps: Generator[str, None, Result]) -> Result:
    """Run a stream to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def as_segments(prompt: Prompt) -> list[list[int]]:
    """The prompt as non-empty segments of token ids.

    Raises:
        ConfigError: there is no token in it.
    """
    segments: list[list[int]] = []
    flat: list[int] = []
    for item in prompt:
        if isinstance(item, Sequence):
            segments.append(list(item))
        else:
            flat.append(int(item))
    segments = [segment for segment in [*segments, flat] if segment]
    if not segments:
        raise ConfigError("a prompt needs at least one token")
    return segments


def require_room(prompt_tokens: int, max_tokens: int, context_tokens: int) -> None:
    """Refuse what does not fit, before anything is computed.

    Raises:
        ContextOverflowError: with the three numbers.
    """
    if prompt_tokens + max_tokens > context_tokens:
        raise ContextOverflowError(
            f"a prompt of {prompt_tokens} tokens and an answer of up to {max_tokens} do not fit "
            f"into a context of {context_tokens}",
            hint="Shorten the question, give fewer chunks, or lower max_tokens.",
        )
