"""A question with the chunks that fit into the context, as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sfta_edge.generation import require_room
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import CitableChunk
from sfta_edge.settings import AnswerSettings


class TextEngine(Protocol):
    """What a request is counted with; `engine.Engine` is one."""

    @property
    def context_tokens(self) -> int: ...

    def tokenize(self, text: str, special: bool = False) -> list[int]: ...  # noqa: FBT001, FBT002 prompt.Tokenize


@runtime_checkable
class ManyTexts(Protocol):
    """An engine that is asked for the ids of many texts at once, as one in another process."""

    def tokenize_many(self, texts: Sequence[str]) -> list[list[int]]: ...


class Tokenizer(Protocol):
    """Turns texts into token ids."""

    def tokenize(self, text: str, special: bool = False) -> list[int]: ...  # noqa: FBT001, FBT002 prompt.Tokenize


def tokenize_all(engine: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, as `tokenize` gives them."""
    if isinstance(engine, ManyTexts):
        return engine.tokenize_many(texts)
    return [engine.tokenize(text) for text in texts]


@dataclass(frozen=True, slots=True)
class Request:
    """A question with the chunks that fit, as token ids."""

    question: str
    chunks: tuple[CitableChunk, ...]
    dropped: tuple[str, ...]
    prompt: list[list[int]]
    bias: dict[int, float]


def make_request(
    engine: TextEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings,
) -> Request:
    """Leave out the lowest-ranked chunks until prompt and answer fit.

    Raises:
        ContextOverflowError: the question does not fit with even one chunk.
    """
    prefix, *bodies, last = contract.prompt_ids(chunks, question, engine.tokenize)
    room = min(settings.context_tokens or engine.context_tokens, engine.context_tokens)
    used = len(prefix) + len(last) + settings.max_tokens
    kept = 0
    for body in bodies:
        if used + len(body) > room:
            break
        used += len(body)
        kept += 1
    if kept == 0:
        smallest = len(prefix) + len(last) + (len(bodies[0]) if bodies else 0)
        require_room(smallest, settings.max_tokens, room)
    return Request(
        question=question,
        chunks=tuple(chunks[:kept]),
        dropped=tuple(chunk.id for chunk in chunks[kept:]),
        prompt=[prefix, *bodies[:kept], last],
        bias={engine.tokenize(contract.refusal)[0]: settings.refusal_bias},
    )
