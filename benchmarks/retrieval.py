"""Search time of the retriever that ships, beside numpy brute force over the same vectors.

    python benchmarks/retrieval.py [--chunks 1000 10000] [--questions 200] [--json]

The corpus is drawn from a seeded Zipf distribution over made-up words, and the vector of a
question is that of its oracle chunk plus noise. What is compared are ways to search; embedding
the question takes a model and is left out for all of them. The arms take turns question by
question, so what else the machine does falls on all of them alike.
"""

import argparse
import json
import random
import statistics
import string
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sfta_edge.knowledge import write_knowledge
from sfta_edge.knowledge_format import Vectors
from sfta_edge.retriever import Retriever

DIMENSION = 384  # of all-MiniLM-L6-v2, the quickstart's embedder
TOP_K = 4
CHUNK_WORDS = 90
CHUNKS_PER_PAGE = 3
PAGES = 40
NOISE = 5.0  # cosine of question and oracle chunk about 0.2: hard, so that arms can differ
SEED = 7


@dataclass(frozen=True, slots=True)
class Identity:
    """The made-up embedder."""

    name: str = "drawn"
    sha256: str = "0" * 64
    dimension: int = DIMENSION


class Drawn:
    """Hands out prepared vectors where an embedder would compute them."""

    identity = Identity()

    def __init__(self, vectors: dict[str, Vectors]) -> None:
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of known questions, (n, DIMENSION)."""
        return np.stack([self._vectors[text] for text in texts])


@dataclass(frozen=True, slots=True)
class Corpus:
    """Records as the knowledge file takes them, and the vectors of the chunks."""

    documents: list[dict[str, Any]]
    chunks: list[dict[str, Any]]
    vectors: Vectors


def draw_corpus(count: int) -> Corpus:
    """So many chunks, three to a page, forty pages to a document."""
    rng = random.Random(f"{SEED}/{count}")
    words = [
        "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 9))) for _ in range(8000)
    ]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    documents: list[dict[str, Any]] = []
    chunks: list[dict[str, Any]] = []
    for index in range(count):
        page_index, place = divmod(index, CHUNKS_PER_PAGE)
        document_index, page_number = divmod(page_index, PAGES)
        if place == 0 and page_number == 0:
            documents.append(_document(document_index))
        if place == 0:
            page = {"number": page_number + 1, "text": "", "width": 595.0, "height": 842.0}
            documents[-1]["pages"].append({**page, "lines": []})
        page = documents[-1]["pages"][-1]
        text = " ".join(rng.choices(words, weights, k=CHUNK_WORDS))
        start = len(page["text"])
        page["text"] += text + "\n"
        place_of = {"page": page["number"], "start": start, "end": start + len(text)}
        known = {"id": f"c{index:015d}", "document_id": documents[-1]["id"], "ordinal": index}
        chunks.append({**known, **place_of, "heading": "", "text": text, "tokens": CHUNK_WORDS})
    drawn = np.random.default_rng(SEED).standard_normal((count, DIMENSION)).astype(np.float32)
    return Corpus(documents, chunks, _normalised(drawn))


def draw_questions(corpus: Corpus, count: int) -> tuple[list[str], Vectors, list[str]]:
    """Questions, their vectors, and the ids of their oracle chunks."""
    rng = random.Random(SEED)
    oracles = [rng.randrange(len(corpus.chunks)) for _ in range(count)]
    texts = [
        f"{number} " + " ".join(rng.sample(corpus.chunks[oracle]["text"].split(), 8))
        for number, oracle in enumerate(oracles)
    ]
    noise = np.random.default_rng(SEED + 1).standard_normal((count, DIMENSION))
    noisy = corpus.vectors[oracles] + NOISE * _normalised(noise.astype(np.float32))
    return texts, _normalised(noisy), [corpus.chunks[oracle]["id"] for oracle in oracles]


def measure(count: int, questions: int) -> list[dict[str, Any]]:
    """One row per arm: median milliseconds, ratio to brute force, share of oracles found."""
    corpus = draw_corpus(count)
    texts, vectors, oracles = draw_questions(corpus, questions)
    by_text = dict(zip(texts, vectors, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "knowledge.sqlite"
        write_knowledge(path, corpus.documents, corpus.chunks, corpus.vectors, Identity())
        with Retriever(path, Drawn(by_text)) as hybrid, Retriever(path) as words:
            arms = {
                "numpy brute force": lambda text: _brute_force(corpus, by_text[text]),
                "words only": lambda text: [h.chunk.id for h in words.search(text, TOP_K)],
                "hybrid (ships)": lambda text: [h.chunk.id for h in hybrid.search(text, TOP_K)],
            }
            return _race(arms, texts, oracles, count)


def _race(
    arms: dict[str, Callable[[str], list[str]]],
    texts: list[str],
    oracles: list[str],
    count: int,
) -> list[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    found = dict.fromkeys(arms, 0)
    for search in arms.values():
        search(texts[0])  # the first call reads the file from disk
    for text, oracle in zip(texts, oracles, strict=True):
        for name, search in arms.items():
            started = time.perf_counter()
            ids = search(text)
            seconds[name].append(time.perf_counter() - started)
            found[name] += oracle in ids
    medians = {name: statistics.median(values) * 1000 for name, values in seconds.items()}
    reference = next(iter(medians.values()))
    return [
        {
            "chunks": count,
            "arm": name,
            "median_ms": round(median, 3),
            "ratio": round(median / reference, 2),
            f"oracle_in_top_{TOP_K}": round(found[name] / len(texts), 3),
        }
        for name, median in medians.items()
    ]


def _brute_force(corpus: Corpus, vector: Vectors) -> list[str]:
    scores = corpus.vectors @ vector
    best = np.argpartition(-scores, TOP_K)[:TOP_K]
    ordered = best[np.argsort(-scores[best])]
    return [corpus.chunks[int(index)]["id"] for index in ordered]


def _document(index: int) -> dict[str, Any]:
    name = f"document-{index}.pdf"
    facts = {"id": f"d{index:015d}", "name": name, "title": f"Document {index}"}
    return {**facts, "sha256": "0" * 64, "media_type": "application/pdf", "pages": []}


def _normalised(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / lengths, dtype=np.float32)


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with threadpool_limits(1):  # SQLite searches on one thread, so numpy does, too
        rows = [row for count in options.chunks for row in measure(count, options.questions)]
    if options.json:
        print(json.dumps(rows))
        return
    for line in [list(rows[0]), *(row.values() for row in rows)]:
        print("  ".join(str(cell).ljust(18) for cell in line).rstrip())


if __name__ == "__main__":
    main()
