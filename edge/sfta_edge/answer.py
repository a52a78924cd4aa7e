"""From a question to an answer with citations.

Rules this module upholds:

- Chunks that do not fit are left out before the model runs, the lowest-ranked first, and the
  answer names them.
- Without any chunk nothing is asked: the answer is the refusal.
- The same functions answer on the device and in the evaluation.
"""

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sfta_edge.citation import Span, parse_answer
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits, Prompt, drain, require_room
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import Quoting, ScoringEngine, write_with_quote
from sfta_edge.reply import Answer, CitableChunk, Citation, Locate, cite
from sfta_edge.retriever import Box, Hit
from sfta_edge.settings import AnswerSettings

__all__ = [
    "Answer",
    "AnswerSettings",
    "Answerer",
    "Citation",
    "answer_from_chunks",
    "answer_many",
]


class TextEngine(Protocol):
    """What answers are written with; `engine.Engine` is one."""

    context_tokens: int

    def tokenize(self, text: str, special: bool = False) -> list[int]: ...  # noqa: FBT001, FBT002 prompt.Tokenize

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        deadline: float | None = None,
        cancel: threading.Event | None = None,
        first_token_bias: Mapping[int, float] | None = None,
    ) -> Generation: ...


class StreamingEngine(TextEngine, ScoringEngine, Protocol):
    """An engine that gives text as it is written, and compares texts."""


class ParallelEngine(StreamingEngine, Protocol):
    """An engine that writes several answers at once."""

    def generate_many(
        self,
        prompts: Sequence[Prompt],
        *,
        max_tokens: int,
        first_token_bias: Mapping[int, float] | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> list[Generation]: ...


class Searcher(Protocol):
    """What finds chunks; `retriever.Retriever` is one."""

    def search(self, question: str, top_k: int) -> list[Hit]: ...

    def boxes(self, chunk_id: str, span: Span) -> list[Box]: ...


@dataclass(frozen=True, slots=True)
class _Request:
    """A question with the chunks that fit, as token ids."""

    question: str
    chunks: tuple[CitableChunk, ...]
    dropped: tuple[str, ...]
    prompt: list[list[int]]
    bias: dict[int, float]


def answer_from_chunks(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings | None = None,
) -> Answer:
    """Answer from chunks that were chosen already, best first.

    Raises:
        ContextOverflowError: the question does not fit with even one chunk.
    """
    settings = settings or AnswerSettings()
    request = _request(engine, contract, chunks, question, settings)
    limits = Limits(
        settings.max_tokens,
        deadline=settings.deadline_seconds,
        first_token_bias=request.bias,
    )
    generation = drain(_written(engine, contract, request, settings, limits))
    return _answer(request, generation, contract)


def answer_many(
    engine: ParallelEngine,
    contract: PromptContract,
    cases: Sequence[tuple[Sequence[CitableChunk], str]],
    settings: AnswerSettings | None = None,
    *,
    on_done: Callable[[], None] | None = None,
) -> list[Answer]:
    """`answer_from_chunks` for many pairs of chunks and question, several at once.

    With chosen quotes it is one after the other: most of the time goes into comparing.
    Deadlines do not apply: the time of one answer depends on its neighbours.
    """
    settings = settings or AnswerSettings()
    if settings.choose_quotes:
        alone = replace(settings, deadline_seconds=None)
        return [_reported(answer_from_chunks(engine, contract, *case, alone), on_done)
                for case in cases]  # fmt: skip
    requests = [_request(engine, contract, *case, settings) for case in cases]
    generations = engine.generate_many(
        [request.prompt for request in requests],
        max_tokens=settings.max_tokens,
        first_token_bias=requests[0].bias if requests else None,
        on_done=on_done,
    )
    return [
        _answer(request, generation, contract)
        for request, generation in zip(requests, generations, strict=True)
    ]


class Answerer:
    """Answers questions from one knowledge file with one model. Threads may share it."""

    def __init__(
        self,
        engine: StreamingEngine,
        retriever: Searcher,
        contract: PromptContract,
        settings: AnswerSettings | None = None,
    ) -> None:
        self.engine, self.retriever, self.contract = engine, retriever, contract
        self.settings = settings or AnswerSettings()

    def ask(self, question: str, *, cancel: threading.Event | None = None) -> Answer:
        """The answer; never fails on what the model writes.

        Raises:
            ConfigError: an empty question.
            ContextOverflowError: a question too long for the context.
        """
        return drain(self.stream(question, cancel=cancel))

    def stream(
        self, question: str, *, cancel: threading.Event | None = None
    ) -> Generator[str, None, Answer]:
        """As `ask`, yielding the completion as it is written; returns the answer."""
        started, settings = time.monotonic(), self.settings
        if not question.strip():
            raise ConfigError("the question is empty")
        hits = tuple(self.retriever.search(question, settings.top_k))
        retrieved = (time.monotonic() - started) * 1000
        if not hits:
            return self._nothing_found(question, retrieved)
        chunks = [hit.chunk for hit in hits]
        request = _request(self.engine, self.contract, chunks, question, settings)
        limits = Limits(
            settings.max_tokens,
            deadline=settings.deadline_seconds,
            cancel=cancel,
            first_token_bias=request.bias,
            started=started,
        )
        generation = yield from _written(self.engine, self.contract, request, settings, limits)
        answer = _answer(request, generation, self.contract, self.retriever.boxes)
        total = (time.monotonic() - started) * 1000
        timings = {"retrieve": retrieved, **answer.timings_ms, "total": total}
        return replace(answer, hits=hits, timings_ms=timings)

    def _nothing_found(self, question: str, retrieved_ms: float) -> Answer:
        return Answer(
            question=question,
            answer=self.contract.refusal,
            refused=True,
            well_formed=True,
            citations=(),
            completion="",
            finish_reason="stop",
            timings_ms={"retrieve": retrieved_ms, "total": retrieved_ms},
        )


def _written(
    engine: StreamingEngine,
    contract: PromptContract,
    request: _Request,
    settings: AnswerSettings,
    limits: Limits,
) -> Generator[str, None, Generation]:
    """The completion: its quote chosen or written, as the settings say."""
    if not settings.choose_quotes:
        return (yield from engine.stream(request.prompt, limits))
    threshold = settings.refusal_threshold
    asked = Quoting(contract, request.prompt, request.chunks, threshold)
    return (yield from write_with_quote(engine, asked, limits))


def _reported(answer: Answer, on_done: Callable[[], None] | None) -> Answer:
    if on_done is not None:
        on_done()
    return answer


def _request(
    engine: TextEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings,
) -> _Request:
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
    return _Request(
        question=question,
        chunks=tuple(chunks[:kept]),
        dropped=tuple(chunk.id for chunk in chunks[kept:]),
        prompt=[prefix, *bodies[:kept], last],
        bias={engine.tokenize(contract.refusal)[0]: settings.refusal_bias},
    )


def _answer(
    request: _Request,
    generation: Generation,
    contract: PromptContract,
    locate: Locate | None = None,
) -> Answer:
    parsed = parse_answer(
        generation.text, answer_marker=contract.answer_marker, refusal=contract.refusal
    )
    return Answer(
        question=request.question,
        answer=parsed.answer,
        refused=parsed.refused,
        well_formed=parsed.well_formed,
        citations=cite(parsed, request.chunks, locate),
        completion=generation.text,
        finish_reason=generation.finish_reason,
        dropped=request.dropped,
        refusal_score=next(iter(generation.first_token_scores.values()), None),
        usage={
            "prompt_tokens": generation.prompt_tokens,
            "completion_tokens": len(generation.token_ids),
            "reused_tokens": generation.reused_tokens,
        },
        timings_ms={
            "prefill": generation.timings.prefill_ms,
            "decode": generation.timings.decode_ms,
        },
    )
