"""Finding the chunks for a question: full text and vectors, fused by score.

Each search hands its best candidates over, see `fusion`. Equal scores are ordered by the chunk's
place: its file, then its number in the file. So the same question on the same files gives the
same list.

Several knowledge files are searched as one: that of the bundle, which never changes, and that of
the device, which grows while it is read. What a view may not see takes no part, see `permitted`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from sfta_edge.caller import EVERYTHING, View
from sfta_edge.citation import Span
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.found import Box, Chunk, DocumentFacts, Hit, Page
from sfta_edge.kept_vectors import KeptVectors, TextEmbedder
from sfta_edge.knowledge_files import KnowledgeFiles
from sfta_edge.knowledge_format import Vectors, passage, require_same
from sfta_edge.search import Search

__all__ = ["Box", "Chunk", "Hit", "Retriever", "similarities"]

MATRIX_BYTES = 256 << 20
"""Memory for the vectors of one file: 170 000 of 384 numbers. Twice that for a moment while the
file grows. A file with more is searched by the index in it, which is slower."""


class TextScorer(Protocol):
    """Reads question and text together; `reranker.Reranker` is one."""

    def scores(self, question: str, texts: Sequence[str]) -> list[float]: ...


class Retriever:
    """Searches knowledge files. Threads may share it; they wait for each other.

    Without an embedder it searches the full text only.
    """

    def __init__(
        self,
        path: Path | Sequence[Path],
        embedder: TextEmbedder | None = None,
        *,
        candidates: int = 32,
        earlier: TextEmbedder | None = None,
        reranker: TextScorer | None = None,
        matrix_bytes: int = MATRIX_BYTES,
    ) -> None:
        """Open the files; each of the two searches hands over `candidates` chunks.

        Args:
            path: one knowledge file, or several. The first must have been made with `embedder`.
                A further one that was not takes part with its words only.
            embedder: of the vectors.
            candidates: more make a search slower and find more; also how many are reranked.
            earlier: the embedder before, for further files that are not re-embedded yet.
            reranker: reads the candidates together with the question and orders them.
            matrix_bytes: vectors of one file that are kept in memory.

        Raises:
            IntegrityError: no usable knowledge file, or the first was made with another embedder.
        """
        if not 1 <= candidates <= 4096:
            raise ConfigError(f"candidates must be 1 to 4096, not {candidates}")
        paths = [path] if isinstance(path, Path) else list(path)
        if not paths:
            raise ConfigError("a retriever needs a knowledge file")
        self._files = KnowledgeFiles(paths, matrix_bytes=matrix_bytes)
        self._embedder = None if embedder is None else KeptVectors(embedder)
        self._reranker = reranker
        self._embedders = [one for one in (self._embedder, earlier) if one is not None]
        self._candidates = candidates
        if embedder is not None:
            try:
                require_same(self._files.embedders()[0], embedder.identity)
            except IntegrityError:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many chunks can be found."""
        return len(self._files)

    @property
    def hybrid(self) -> bool:
        """Whether vectors take part in the search."""
        return self._embedder is not None

    def search(
        self, question: str, top_k: int, view: View = EVERYTHING, *, words_only: bool = False
    ) -> list[Hit]:
        """The best chunks for a question, at most `top_k`; never fails on any text.

        With `words_only` the embedder is not asked: for a device whose embedder is out of order.

        Raises:
            IntegrityError: the embedder computes vectors that are no numbers.
        """
        return self.search_many([question], top_k, view, words_only=words_only)[0]

    def search_many(
        self,
        questions: Sequence[str],
        top_k: int,
        view: View = EVERYTHING,
        *,
        words_only: bool = False,
    ) -> list[list[Hit]]:
        """`search` for many questions; they are embedded together."""
        if top_k < 1:
            raise ConfigError(f"top_k must be at least 1, not {top_k}")
        texts = [question.encode("utf-8", "replace").decode() for question in questions]
        embedded = {} if words_only else self._embedded(texts)
        wanted = top_k if self._reranker is None else max(top_k, self._candidates)
        found = []
        with self._files.state() as files:
            for number, text in enumerate(texts):
                vectors = {sha256: rows[number] for sha256, rows in embedded.items()}
                count = max(self._candidates, top_k)
                found.append(Search(files, view, count, vectors).hits(text, wanted))
        return [
            self._reranked(text, hits)[:top_k] for text, hits in zip(texts, found, strict=True)
        ]

    def similarities(self, question: str, texts: Sequence[str]) -> list[float]:
        """Cosine of each text with the question.

        Raises:
            ConfigError: there is no embedder.
        """
        if self._embedder is None:
            raise ConfigError("similarity needs an embedder", hint="Give one, or count words.")
        return similarities(self._embedder, question, texts)

    def chunk(self, chunk_id: str, view: View = EVERYTHING) -> Chunk:
        """One chunk by its id.

        Raises:
            IntegrityError: no file holds it, or the view may not see it.
        """
        return self._files.chunk(chunk_id, view)

    def boxes(self, chunk_id: str, span: Span, view: View = EVERYTHING) -> list[Box]:
        """Rectangles of the page lines that a span of the chunk's text touches."""
        return self._files.boxes(chunk_id, span, view)

    def around(self, chunk_id: str, count: int, view: View = EVERYTHING) -> dict[int, Chunk]:
        """A chunk and so many before and after it in its document, by their place in it."""
        return self._files.around(chunk_id, count, view)

    def documents(self, view: View = EVERYTHING) -> list[DocumentFacts]:
        """All documents, file by file, in the order in which they were added."""
        return self._files.documents(view)

    def document(self, document_id: str, view: View = EVERYTHING) -> DocumentFacts:
        """One document by its id; an `IntegrityError` if it is not there, or not for the view."""
        return self._files.document(document_id, view)

    def page(self, document_id: str, number: int, view: View = EVERYTHING) -> Page:
        """One page of a document; an `IntegrityError` as of `document`."""
        return self._files.page(document_id, number, view)

    def close(self) -> None:
        """Release the files."""
        self._files.close()

    def _embedded(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Vectors of the texts by each embedder whose vectors a file holds, by its SHA-256."""
        used = {facts["sha256"] for facts in self._files.embedders()}
        return {
            one.identity.sha256: _question_vectors(one, texts)
            for one in self._embedders
            if texts and one.identity.sha256 in used
        }

    def _reranked(self, question: str, hits: list[Hit]) -> list[Hit]:
        if self._reranker is None or not hits:
            return hits
        chunks = [hit.chunk for hit in hits]
        passages = [passage(chunk.title, chunk.heading, chunk.text) for chunk in chunks]
        scores = self._reranker.scores(question, passages)
        order = sorted(
            zip(scores, hits, strict=True), key=lambda pair: (-pair[0], pair[1].rank)
        )
        return [
            replace(hit, score=_share(score), rank=rank)
            for rank, (score, hit) in enumerate(order, 1)
        ]


def similarities(embedder: TextEmbedder, question: str, texts: Sequence[str]) -> list[float]:
    """Cosine of each text with the question."""
    vectors = embedder.embed([question, *texts])
    return [float(value) for value in vectors[1:] @ vectors[0]]


def _question_vectors(embedder: TextEmbedder, texts: Sequence[str]) -> Vectors:
    vectors = np.asarray(embedder.embed(texts), dtype=np.float32)
    expected = (len(texts), embedder.identity.dimension)
    if vectors.shape != expected or not np.isfinite(vectors).all():
        raise IntegrityError(
            f"the embedder {embedder.identity.name} computes vectors that are no numbers",
            hint="The embedder file is damaged. Install the bundle again.",
        )
    return vectors


def _share(score: float) -> float:
    """A reranker's score, which may be any number, as one from 0 to 1."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, score))))
