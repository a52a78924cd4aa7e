"""From a question to an answer with citations.

Rules this module upholds:

- Without any chunk nothing is asked: the answer is the refusal.
- A question is answered as long as the documents can be searched. Without a generator the best
  passages are quoted; without an embedder words are searched and compared. The answer names what
  was out of order.
- What the caller may not see takes no part: the view goes into every search.
"""

import logging
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sfta_edge.caller import EVERYTHING, View
from sfta_edge.chunk_answers import (
    ParallelEngine,
    StreamingEngine,
    answer_from_chunks,
    answer_many,
    settled_completion,
    stream_from_chunks,
    weigh_quotes,
)
from sfta_edge.citation import Span
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.extractive import extractive_answer, shares
from sfta_edge.found import Box, Chunk, Hit
from sfta_edge.generation import EngineDownError, Limits, drain
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import Answer, Citation, Outage
from sfta_edge.settings import AnswerSettings

__all__ = [
    "Answer",
    "AnswerSettings",
    "Answerer",
    "Citation",
    "ParallelEngine",
    "Searcher",
    "StreamingEngine",
    "answer_from_chunks",
    "answer_many",
    "stream_from_chunks",
    "weigh_quotes",
]

log = logging.getLogger("sfta_edge")


class Searcher(Protocol):
    """What finds chunks; `retriever.Retriever` is one."""

    def search(
        self, question: str, top_k: int, view: View = EVERYTHING, *, words_only: bool = False
    ) -> list[Hit]: ...

    def similarities(self, question: str, texts: Sequence[str]) -> Sequence[float]: ...

    def boxes(self, chunk_id: str, span: Span, view: View = EVERYTHING) -> list[Box]: ...

    def around(
        self, chunk_id: str, count: int, view: View = EVERYTHING
    ) -> Mapping[int, Chunk]: ...


class Answerer:
    """Answers questions from one knowledge base with one model. Threads may share it."""

    def __init__(
        self,
        engine: StreamingEngine | None,
        retriever: Searcher,
        contract: PromptContract,
        settings: AnswerSettings | None = None,
    ) -> None:
        """`engine`: None: there is no generator, answers are extracts."""
        self.engine, self.retriever, self.contract = engine, retriever, contract
        self.settings = settings or AnswerSettings()

    def ask(
        self,
        question: str,
        *,
        cancel: threading.Event | None = None,
        view: View = EVERYTHING,
        strict: bool | None = None,
        caller: str = "",
    ) -> Answer:
        """The answer; never fails on what the model writes.

        Args:
            question: one question.
            cancel: set it to end early.
            view: the documents that take part.
            strict: whether unsupported sentences are withheld; None: as the settings say.
            caller: whose turn it is, for engines that let callers take turns.

        Raises:
            ConfigError: an empty question.
            ContextOverflowError: a question too long for the context.
        """
        steps = self.stream(question, cancel=cancel, view=view, strict=strict, caller=caller)
        return drain(steps)

    def stream(
        self,
        question: str,
        *,
        cancel: threading.Event | None = None,
        view: View = EVERYTHING,
        strict: bool | None = None,
        caller: str = "",
    ) -> Generator[str, None, Answer]:
        """As `ask`, yielding the completion as it is written; returns the answer.

        The answer counts, not the pieces: an engine that is lost while it writes is replaced by
        an extract, and what was yielded is no part of it. In strict mode pieces may be empty.
        """
        if not question.strip():
            raise ConfigError("the question is empty")
        settings = self.settings if strict is None else replace(self.settings, strict=strict)
        limits = Limits(1, deadline=settings.deadline_seconds, cancel=cancel, caller=caller)
        search = _Search(self.retriever, view)
        hits = search.hits(question, settings.top_k)
        retrieved = (time.monotonic() - limits.started) * 1000
        if hits:
            chunks = search.with_neighbours(hits, settings.neighbours)
            answer = yield from self._from(question, chunks, settings, limits, search)
        else:
            answer = self._nothing_found(question)
        total = (time.monotonic() - limits.started) * 1000
        timings = {"retrieve": retrieved, **answer.timings_ms, "total": total}
        degraded = tuple(sorted(search.degraded))
        return replace(answer, hits=hits, timings_ms=timings, degraded=degraded)

    def _from(
        self,
        question: str,
        chunks: Sequence[Chunk],
        settings: AnswerSettings,
        limits: Limits,
        search: "_Search",
    ) -> Generator[str, None, Answer]:
        pieces = False
        if self.engine is not None:
            steps = stream_from_chunks(
                self.engine, self.contract, chunks, question, settings,
                similar=search.similarities, limits=limits, locate=search.boxes,
            )  # fmt: skip
            try:
                while True:
                    piece = next(steps)
                    pieces = pieces or bool(piece)
                    yield piece
            except StopIteration as end:
                written: Answer = end.value
                return written
            except EngineDownError as error:
                log.warning("answered without the model: %s", error)
            finally:
                steps.close()
        search.degraded.add("generator")
        answer = extractive_answer(
            self.contract, chunks, question, search.opinion, search.boxes
        )
        if not pieces:
            yield settled_completion(answer, self.contract)
        return answer

    def _nothing_found(self, question: str) -> Answer:
        return Answer(
            question=question,
            answer=self.contract.refusal,
            refused=True,
            well_formed=True,
            citations=(),
            completion="",
            finish_reason="stop",
        )


@dataclass(slots=True)
class _Search:
    """The retriever, as one caller sees it during one question."""

    retriever: Searcher
    view: View
    degraded: set[Outage] = field(default_factory=set)
    """What turned out to be out of order."""

    def hits(self, question: str, top_k: int) -> tuple[Hit, ...]:
        try:
            return tuple(self.retriever.search(question, top_k, self.view))
        except (EngineDownError, IntegrityError):
            # If it is the file that is damaged, this fails in the same way.
            found = self.retriever.search(question, top_k, self.view, words_only=True)
            self.degraded.add("embedder")
            return tuple(found)

    def with_neighbours(self, hits: Sequence[Hit], count: int) -> list[Chunk]:
        """The chunks found, best first, then what stands around each."""
        chunks = {hit.chunk.id: hit.chunk for hit in hits}
        for hit in hits if count else ():
            around = self.retriever.around(hit.chunk.id, count, self.view)
            for place in sorted(around):
                chunks.setdefault(around[place].id, around[place])
        return list(chunks.values())

    def similarities(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """Cosines; shares of the question's words while the embedder is out of order.

        Raises:
            ConfigError: this device never had an embedder.
        """
        try:
            return self.retriever.similarities(question, texts)
        except (EngineDownError, IntegrityError):
            self.degraded.add("embedder")
            return shares(question, texts)

    def opinion(self, question: str, texts: Sequence[str]) -> Sequence[float] | None:
        """Cosines; None if there is no embedder or it is out of order."""
        if "embedder" in self.degraded:
            return None
        try:
            return self.retriever.similarities(question, texts)
        except ConfigError:
            return None
        except (EngineDownError, IntegrityError):
            self.degraded.add("embedder")
            return None

    def boxes(self, chunk_id: str, span: Span) -> list[Box]:
        """Rectangles of a quote; none if its document was removed in the meantime."""
        try:
            return self.retriever.boxes(chunk_id, span, self.view)
        except IntegrityError:
            return []
