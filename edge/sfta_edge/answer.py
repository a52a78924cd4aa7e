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
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from sfta_edge.citation import Span, parse_answer
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits, Prompt, drain
from sfta_edge.lanes import in_lanes
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import (
    Quoting,
    ScoringEngine,
    Similar,
    Weighed,
    weigh,
    write_with_quote,
)
from sfta_edge.reply import Answer, CitableChunk, Citation, Locate, cite
from sfta_edge.request import Request, TextEngine, make_request
from sfta_edge.retriever import Box, Hit
from sfta_edge.settings import AnswerSettings

__all__ = [
    "Answer",
    "AnswerSettings",
    "Answerer",
    "Citation",
    "answer_from_chunks",
    "answer_many",
    "stream_from_chunks",
]


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

    def lanes(self) -> AbstractContextManager[Sequence[StreamingEngine]]: ...


class Searcher(Protocol):
    """What finds chunks; `retriever.Retriever` is one."""

    def search(self, question: str, top_k: int) -> list[Hit]: ...

    def similarities(self, question: str, texts: Sequence[str]) -> Sequence[float]: ...

    def boxes(self, chunk_id: str, span: Span) -> list[Box]: ...


def answer_from_chunks(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings | None = None,
    *,
    similar: Similar | None = None,
) -> Answer:
    """Answer from chunks that were chosen already, best first.

    Args:
        engine: what writes.
        contract: how prompt and answer are spelt.
        chunks: what the answer is looked for in.
        question: one question.
        settings: default: the defaults.
        similar: the embedder's opinion; needed if the settings count similarity.

    Raises:
        ContextOverflowError: the question does not fit with even one chunk.
        ConfigError: there is no embedder to ask.
    """
    settings = settings or AnswerSettings()
    return drain(
        stream_from_chunks(engine, contract, chunks, question, settings, similar=similar)
    )


def stream_from_chunks(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings,
    *,
    similar: Similar | None = None,
) -> Generator[str, None, Answer]:
    """As `answer_from_chunks`, yielding the completion as it is written."""
    request = make_request(engine, contract, chunks, question, settings)
    limits = Limits(
        settings.max_tokens,
        deadline=settings.deadline_seconds,
        first_token_bias=request.bias,
    )
    asked = Quoting(contract, request.prompt, request.chunks, question, settings, similar)
    generation = yield from _written(engine, asked, limits)
    return _answer(request, generation, contract)


def weigh_quotes(
    engine: StreamingEngine,
    contract: PromptContract,
    chunks: Sequence[CitableChunk],
    question: str,
    settings: AnswerSettings,
    similar: Similar,
) -> Weighed | None:
    """What speaks for each sentence that an answer might quote; no answer is written."""
    request = make_request(engine, contract, chunks, question, settings)
    asked = Quoting(contract, request.prompt, request.chunks, question, settings, similar)
    return weigh(engine, asked, Limits(settings.max_tokens))


def answer_many(
    engine: ParallelEngine,
    contract: PromptContract,
    cases: Sequence[tuple[Sequence[CitableChunk], str]],
    settings: AnswerSettings | None = None,
    *,
    similar: Similar | None = None,
    on_done: Callable[[], None] | None = None,
) -> list[Answer]:
    """`answer_from_chunks` for many pairs of chunks and question, several at once.

    Deadlines do not apply: the time of one answer depends on its neighbours.
    """
    settings = settings or AnswerSettings()
    if settings.choose_quotes:
        alone = replace(settings, deadline_seconds=None)

        def answer(lane: StreamingEngine, case: tuple[Sequence[CitableChunk], str]) -> Answer:
            return answer_from_chunks(lane, contract, *case, alone, similar=similar)

        with engine.lanes() as lanes:
            return in_lanes(lanes, answer, cases, on_done=on_done)
    requests = [make_request(engine, contract, *case, settings) for case in cases]
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
        request = make_request(self.engine, self.contract, chunks, question, settings)
        limits = Limits(
            settings.max_tokens,
            deadline=settings.deadline_seconds,
            cancel=cancel,
            first_token_bias=request.bias,
            started=started,
        )
        asked = Quoting(
            self.contract, request.prompt, request.chunks, question, settings,
            self.retriever.similarities,
        )  # fmt: skip
        generation = yield from _written(self.engine, asked, limits)
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
    engine: StreamingEngine, asked: Quoting, limits: Limits
) -> Generator[str, None, Generation]:
    """The completion: its quote chosen or written, as the settings say."""
    if asked.settings.choose_quotes:
        return (yield from write_with_quote(engine, asked, limits))
    return (yield from engine.stream(asked.prompt, limits))


def _answer(
    request: Request,
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
