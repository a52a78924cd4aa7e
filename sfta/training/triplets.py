"""What an embedder learns from: questions, chunks that answer them, and chunks that seem to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.citation import mentions

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Triplet:
    """One question; chunks by id."""

    question: str
    oracle: str
    negatives: tuple[str, ...]


def answered_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows that say which chunk answers them, one for each question and chunk."""
    found: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda row: str(row["id"])):
        for quote in row["quotes"]:
            found.setdefault((str(row["question"]), str(quote["chunk_id"])), row)
    return list({id(row): row for row in found.values()}.values())


def make_triplets(
    rows: Sequence[Row],
    found: Sequence[Sequence[str]],
    texts: Mapping[str, str],
    *,
    negatives: int,
) -> list[Triplet]:
    """Each question with each of its oracle chunks and the best hits that do not answer it.

    A hit that holds a quote or the answer is no negative: it may well answer the question. Where
    too few are left, a triplet has fewer.

    Args:
        rows: from `answered_rows`.
        found: for each row the ids of the chunks that the search finds, best first.
        texts: text of each chunk.
        negatives: most for each question.
    """
    triplets = []
    for row, hits in zip(rows, found, strict=True):
        oracles = list(dict.fromkeys(str(quote["chunk_id"]) for quote in row["quotes"]))
        said = [str(row["answer"]), *(str(quote["text"]) for quote in row["quotes"])]
        wrong = [
            name
            for name in hits
            if name not in oracles and not any(mentions(texts[name], part) for part in said)
        ]
        triplets += [
            Triplet(str(row["question"]), oracle, tuple(wrong[:negatives]))
            for oracle in oracles
        ]
    return triplets
