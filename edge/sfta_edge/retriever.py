"""Finding the chunks for a question: full text and vectors, fused by score.

Each search hands its best candidates over. A candidate's score is the mean of two numbers from
0 to 1: its bm25 as a share of the best bm25, and its cosine. (A convex combination; Bruch, Gai
and Ingber, TOIS 2023, found it better than fusion by rank, and so did we: docs/decisions.)
Equal scores are ordered by the chunk's place in the file, so the same question on the same
file gives the same list.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from sfta_edge.citation import Span
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.knowledge import open_knowledge
from sfta_edge.knowledge_format import Identity, Vectors
from sfta_edge.query import match_expression

_WORDS = 0.5  # share of the words in a score; equal parts, not tuned on anyone's questions
_WEIGHTS = "0.5, 0.75, 1.0"  # bm25 of title, heading, text
_CHUNK = (
    "SELECT chunks.id, documents.id, documents.title, chunks.page, chunks.heading, chunks.text,"
    ' chunks."start", chunks."end", documents.name'
    " FROM chunks JOIN documents ON documents.number = chunks.document"
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one page, with what a citation needs to know."""

    id: str
    document_id: str
    title: str
    """Title of the document."""
    page: int
    """From 1."""
    heading: str
    """Path of headings, as ``4 Operation > 4.2 Starting``."""
    text: str
    start: int
    """Character offset in the page's text."""
    end: int
    name: str
    """File name of the document."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a question."""

    chunk: Chunk
    score: float
    """From 0 to 1; comparable within one question, not between questions."""
    rank: int
    """From 1."""
    text_rank: int | None = None
    """Rank in the full-text search; None if it did not find the chunk."""
    vector_rank: int | None = None
    """Rank in the vector search."""
    similarity: float | None = None
    """Cosine of question and chunk; None without an embedder."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points, the origin at the upper left."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    page_width: float
    page_height: float


class QuestionEmbedder(Protocol):
    """Turns texts into normalised vectors."""

    @property
    def identity(self) -> Identity: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class Retriever:
    """Searches one knowledge file. Threads may share it; they wait for each other.

    Without an embedder it searches the full text only.
    """

    def __init__(
        self, path: Path, embedder: QuestionEmbedder | None = None, *, candidates: int = 32
    ) -> None:
        """Open the file; each of the two searches hands over `candidates` chunks.

        Raises:
            IntegrityError: no usable knowledge file, or it was made with another embedder.
        """
        if not 1 <= candidates <= 4096:
            raise ConfigError(f"candidates must be 1 to 4096, not {candidates}")
        self._knowledge = open_knowledge(path)
        self._embedder = embedder
        self._candidates = candidates
        self._lock = threading.Lock()
        if embedder is not None:
            try:
                _require_same(self._knowledge.embedder, embedder.identity)
            except IntegrityError:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many chunks can be found."""
        return self._knowledge.chunks

    @property
    def hybrid(self) -> bool:
        """Whether vectors take part in the search."""
        return self._embedder is not None

    def search(self, question: str, top_k: int) -> list[Hit]:
        """The best chunks for a question, at most `top_k`; never fails on any text."""
        return self.search_many([question], top_k)[0]

    def search_many(self, questions: Sequence[str], top_k: int) -> list[list[Hit]]:
        """`search` for many questions; they are embedded together."""
        if top_k < 1:
            raise ConfigError(f"top_k must be at least 1, not {top_k}")
        texts = [question.encode("utf-8", "replace").decode() for question in questions]
        vectors: list[Any] = [None] * len(texts)
        if self._embedder is not None and texts:
            vectors = list(self._embedder.embed(texts))
        pairs = zip(texts, vectors, strict=True)
        with self._lock:
            return [self._fused(text, vector, top_k) for text, vector in pairs]

    def similarities(self, question: str, texts: Sequence[str]) -> list[float]:
        """Cosine of each text with the question.

        Raises:
            ConfigError: there is no embedder.
        """
        if self._embedder is None:
            raise ConfigError("similarity needs an embedder", hint="Give one, or count words.")
        return similarities(self._embedder, question, texts)

    def chunk(self, chunk_id: str) -> Chunk:
        """One chunk by its id.

        Raises:
            IntegrityError: the file does not hold it.
        """
        with self._lock:
            row = self._query(f"{_CHUNK} WHERE chunks.id = ?", chunk_id)
        if not row:
            raise IntegrityError(f"the knowledge file holds no chunk {chunk_id}")
        return Chunk(*row[0])

    def boxes(self, chunk_id: str, span: Span) -> list[Box]:
        """Rectangles of the page lines that a span of the chunk's text touches."""
        chunk = self.chunk(chunk_id)
        start, end = chunk.start + span.start, min(chunk.start + span.end, chunk.end)
        with self._lock:
            rows = self._query(
                "SELECT lines, width, height FROM pages JOIN documents"
                " ON documents.number = pages.document"
                " WHERE documents.id = ? AND pages.number = ?",
                chunk.document_id,
                chunk.page,
            )
        lines, width, height = rows[0]
        found = []
        for first, last, *corners in json.loads(lines):
            if max(first, start) < min(last, end):
                x0, y0, x1, y1 = map(float, corners)
                found.append(Box(chunk.page, x0, y0, x1, y1, width, height))
        return found

    def close(self) -> None:
        """Release the file."""
        self._knowledge.close()

    def _fused(self, question: str, vector: Any, top_k: int) -> list[Hit]:
        count = max(self._candidates, top_k)
        words = self._by_words(question, count)
        near = {} if vector is None else self._by_vector(vector, count)
        cosines = {} if vector is None else self._cosines({*words, *near}, vector)
        best = max(words.values(), default=0.0) or 1.0
        scores: dict[int, float] = {}
        for number in {*words, *near}:
            scores[number] = words.get(number, 0.0) / best
            if cosines:
                cosine = min(1.0, max(0.0, cosines[number]))
                scores[number] = _WORDS * scores[number] + (1 - _WORDS) * cosine
        text_ranks = {number: rank for rank, number in enumerate(words, 1)}
        order = sorted(scores, key=lambda number: (-scores[number], number))[:top_k]
        return [
            Hit(
                chunk=Chunk(*self._query(f"{_CHUNK} WHERE chunks.number = ?", number)[0]),
                score=scores[number],
                rank=rank,
                text_rank=text_ranks.get(number),
                vector_rank=near.get(number),
                similarity=cosines.get(number),
            )
            for rank, number in enumerate(order, 1)
        ]

    def _by_words(self, question: str, count: int) -> dict[int, float]:
        """bm25 of the best chunks, best first; larger is better."""
        expression = match_expression(question)
        if expression is None:
            return {}
        rows = self._query(
            f"SELECT rowid, bm25(chunks_fts, {_WEIGHTS}) FROM chunks_fts"  # noqa: S608 fixed weights
            " WHERE chunks_fts MATCH ? ORDER BY 2, 1 LIMIT ?",
            expression,
            count,
        )
        return {number: -score for number, score in rows}

    def _by_vector(self, vector: Any, count: int) -> dict[int, int]:
        """Ranks of the nearest chunks."""
        rows = self._query(
            "SELECT rowid, distance FROM chunks_vec WHERE embedding MATCH ? AND k = ?",
            vector.astype("<f4").tobytes(),
            min(count, 4096),
        )
        ordered = sorted(rows, key=lambda row: (row[1], row[0]))
        return {number: rank for rank, (number, _) in enumerate(ordered, 1)}

    def _cosines(self, numbers: set[int], vector: Any) -> dict[int, float]:
        """From the stored vectors: also for chunks that only the words have found."""
        found = {}
        for number in numbers:
            ((blob,),) = self._query("SELECT vector FROM vectors WHERE chunk = ?", number)
            found[number] = float(np.frombuffer(blob, dtype="<f4") @ vector)
        return found

    def _query(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        return list(self._knowledge.connection.execute(sql, bindings))


def similarities(
    embedder: QuestionEmbedder, question: str, texts: Sequence[str]
) -> list[float]:
    """Cosine of each text with the question."""
    vectors = embedder.embed([question, *texts])
    return [float(value) for value in vectors[1:] @ vectors[0]]


def _require_same(stored: dict[str, Any], embedder: Identity) -> None:
    given = {"sha256": embedder.sha256, "dimension": embedder.dimension}
    for name, expected in given.items():
        if stored[name] != expected:
            raise IntegrityError(
                f"the index was made with the embedder {stored.get('name')} "
                f"({name} {stored[name]}), not with {embedder.name} ({name} {expected})",
                hint="Use the embedder that is in the same bundle, or build the index again.",
            )
