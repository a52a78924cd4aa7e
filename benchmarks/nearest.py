"""Ways to find the nearest of the chunks that a caller may see, by vectors alone.

    python benchmarks/nearest.py [--chunks 10000 100000] [--permitted 0.01 0.1 0.5 1] [--json]

Each document has the access of one of four groups, in shares of 1, 9, 40 and 50 of a hundred; the
caller is in as many groups as make up the permitted share. Arms: what ships (`matrix`), what ships
for files too large for the memory (`in SQL`), the index of sqlite-vec with the permitted numbers
given to it (`vec0`), and numpy's product of matrix and vector over the permitted rows
(`brute force`), which is the reference of ratio and recall. All on one thread, in turns, question
by question. Times are those of the processor, not of the clock: a machine with other work makes
the clock's longer and leaves these as they are.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sfta_edge.caller import View
from sfta_edge.knowledge import write_knowledge
from sfta_edge.knowledge_format import Vectors
from sfta_edge.searched_file import SearchedFile

DIMENSION = 384  # of all-MiniLM-L6-v2, the quickstart's embedder
CHUNKS_PER_DOCUMENT = 100
NEAREST = 32  # candidates that a search hands over
SHARES = {"a": 0.01, "b": 0.1, "c": 0.5, "d": 1.0}
"""Groups, and the share of documents that each and those before it may see."""
SEED = 7
_VEC0 = """
    SELECT rowid FROM chunks_vec WHERE embedding MATCH ? AND k = ? AND rowid IN (
        SELECT chunks.number FROM chunks JOIN documents ON documents.number = chunks.document
        WHERE documents.access IN (SELECT value FROM json_each(?)))
"""

Arm = Callable[[Vectors], list[int]]


@dataclass(frozen=True, slots=True)
class Identity:
    """The made-up embedder."""

    name: str = "drawn"
    sha256: str = "0" * 64
    dimension: int = DIMENSION


@dataclass(frozen=True, slots=True)
class Corpus:
    """A knowledge file, its vectors in the order of the numbers, and each chunk's group."""

    path: Path
    vectors: Vectors
    groups: list[str]


def write_corpus(folder: Path, count: int) -> Corpus:
    """So many chunks of one word each, with random vectors."""
    ranks = list(range(-(-count // CHUNKS_PER_DOCUMENT)))
    random.Random(SEED).shuffle(ranks)
    documents: list[dict[str, Any]] = []
    chunks: list[dict[str, Any]] = []
    groups: list[str] = []
    for first in range(0, count, CHUNKS_PER_DOCUMENT):
        names = [
            f"w{number}" for number in range(first, min(count, first + CHUNKS_PER_DOCUMENT))
        ]
        rank = ranks[len(documents)] / len(ranks)
        group = next(name for name, share in SHARES.items() if rank < share)
        documents.append(_document(first, group, names))
        chunks += _chunks(documents[-1], names)
        groups += [group] * len(names)
    vectors = _normalised(np.random.default_rng(SEED).standard_normal((count, DIMENSION)))
    path = folder / f"{count}.sqlite"
    write_knowledge(path, documents, chunks, vectors, Identity())
    return Corpus(path, vectors, groups)


def measure(corpus: Corpus, share: float, questions: int) -> list[dict[str, Any]]:
    """One row per arm: processor milliseconds, ratio to brute force, recall."""
    names = [name for name, upto in SHARES.items() if upto <= share]
    view = View(frozenset(names))
    drawn = np.random.default_rng(SEED + 1).standard_normal((questions, DIMENSION))
    with (
        SearchedFile(corpus.path, matrix_bytes=1 << 40) as loaded,
        SearchedFile(corpus.path, matrix_bytes=0) as stored,
        loaded.state(),
        stored.state(),
    ):
        arms: dict[str, Arm] = {
            "brute force": _brute_force(corpus, names),
            "matrix (ships)": lambda vector: _nearest(loaded, vector, view),
            "in SQL (ships, large files)": lambda vector: _nearest(stored, vector, view),
            "vec0, rowid IN": lambda vector: [
                number
                for (number,) in stored.rows(
                    _VEC0, vector.tobytes(), NEAREST, json.dumps(names)
                )
            ],
        }
        return _race(
            arms, _normalised(drawn), {"chunks": len(corpus.groups), "permitted": share}
        )


def _race(
    arms: dict[str, Arm], questions: Vectors, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    recalls: dict[str, list[float]] = {name: [] for name in arms}
    for search in arms.values():
        search(questions[0])  # the first call reads the file from disk
    for vector in questions:
        expected: set[int] = set()
        for name, search in arms.items():
            started = time.thread_time()
            found = search(vector)
            seconds[name].append(time.thread_time() - started)
            expected = expected or set(found)
            recalls[name].append(len(expected & set(found)) / max(1, len(expected)))
    medians = {name: statistics.median(values) * 1000 for name, values in seconds.items()}
    reference = next(iter(medians.values()))
    return [
        {
            **facts,
            "arm": name,
            "median_ms": round(median, 2),
            "ratio": round(median / reference, 2),
            "recall": round(statistics.mean(recalls[name]), 4),
        }
        for name, median in medians.items()
    ]


def _brute_force(corpus: Corpus, names: list[str]) -> Arm:
    (places,) = np.nonzero(np.isin(corpus.groups, names))
    rows = corpus.vectors[places]

    def search(vector: Vectors) -> list[int]:
        scores = rows @ vector
        count = min(NEAREST, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        return [int(places[place]) + 1 for place in best]

    return search


def _nearest(file: SearchedFile, vector: Vectors, view: View) -> list[int]:
    allowed = file.permitted(view)
    return [number for number, _ in file.by_vector(vector, NEAREST, allowed)]


def _document(first: int, group: str, names: list[str]) -> dict[str, Any]:
    page = {"number": 1, "text": " ".join(names), "width": 595.0, "height": 842.0, "lines": []}
    facts = {"id": f"d{first}", "name": f"{first}.txt", "title": "", "sha256": "0" * 64}
    return {**facts, "media_type": "text/plain", "access": group, "pages": [page]}


def _chunks(document: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    chunks, start = [], 0
    for ordinal, name in enumerate(names):
        place = {"page": 1, "start": start, "end": start + len(name), "ordinal": ordinal}
        known = {"id": f"c{name}", "document_id": document["id"], "heading": "", "tokens": 1}
        chunks.append({**known, **place, "text": name})
        start += len(name) + 1
    return chunks


def _normalised(vectors: Any) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / lengths, dtype=np.float32)


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000])
    parser.add_argument("--permitted", type=float, nargs="+", default=list(SHARES.values()))
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for count in options.chunks:
            corpus = write_corpus(Path(folder), count)
            for share in options.permitted:
                rows += measure(corpus, share, options.questions)
    if options.json:
        print(json.dumps(rows))
        return
    for line in [list(rows[0]), *(row.values() for row in rows)]:
        print("  ".join(str(cell).ljust(28) for cell in line).rstrip())


if __name__ == "__main__":
    main()
