"""Choosing questions that are like those a model will be asked, by cosine. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta.raft.candidate import Candidate, Rejected
from sfta.raft.filters import Embed, Outcome

FAR = "far from the target questions"
_DIGITS = 6  # of a cosine: below lies how a processor adds up
_SHOWN = 5


def nearest_to_target(
    candidates: list[Candidate], target: Sequence[str], embed: Embed, keep: float
) -> tuple[Outcome, dict[str, Any]]:
    """The share of the candidates that is nearest to the target, and how near it is.

    The target's questions take turns, each with the candidate that is nearest to it and not
    yet taken: so what is kept spreads as the target does, and its commonest topic does not
    take all. Answerable and unanswerable candidates are chosen apart, in the same share.

    Args:
        candidates: questions, with or without answers.
        target: questions like those that will be asked; not empty.
        embed: makes vectors of length one.
        keep: share of the candidates, above 0.
    """
    if not candidates:
        return ([], []), {"questions": len(target), "kept": 0}
    likeness = _likeness(target, [c.question for c in candidates], embed)
    taken: set[int] = set()
    for answerable in (True, False):
        places = [n for n, c in enumerate(candidates) if c.answerable is answerable]
        count = max(min(1, len(places)), round(keep * len(places)))
        chosen = in_turn(likeness[:, places], count)
        taken |= {places[column] for column in chosen}
    kept = [c for n, c in enumerate(candidates) if n in taken]
    lost = [Rejected(c, FAR) for n, c in enumerate(candidates) if n not in taken]
    return (kept, lost), _note(target, likeness, sorted(taken))


def in_turn(likeness: NDArray[np.float64], count: int) -> list[int]:
    """Columns that the rows take in turn, each its highest that is left, until there are `count`.

    Args:
        likeness: shape (rows, columns).
        count: at most the number of columns.
    """
    order = np.argsort(-likeness, axis=1, kind="stable")
    taken: dict[int, None] = {}
    rows = [iter(row.tolist()) for row in order]
    while len(taken) < count:
        for row in rows:
            column = next((c for c in row if c not in taken), None)
            if column is not None and len(taken) < count:
                taken[column] = None
    return list(taken)


def _likeness(
    target: Sequence[str], questions: Sequence[str], embed: Embed
) -> NDArray[np.float64]:
    """Cosines, of shape (target, questions)."""
    wanted = np.asarray(embed(target), dtype=np.float64)
    found = np.asarray(embed(questions), dtype=np.float64)
    likeness: NDArray[np.float64] = np.round(wanted @ found.T, _DIGITS)
    return likeness


def _note(
    target: Sequence[str], likeness: NDArray[np.float64], taken: Sequence[int]
) -> dict[str, Any]:
    """How near the candidates are, all and kept, and what of the target nothing is near to."""
    nearest = likeness[:, taken].max(axis=1)
    far = sorted(zip(nearest.tolist(), target, strict=True))[:_SHOWN]
    return {
        "questions": len(target),
        "kept": len(taken),
        "of": likeness.shape[1],
        "mean_cosine_of_all": _mean(likeness.max(axis=0)),
        "mean_cosine_of_kept": _mean(likeness[:, taken].max(axis=0)),
        "nearest_kept": {"mean": _mean(nearest), "lowest": round(float(nearest.min()), 4)},
        "least_covered": [
            {"question": question, "cosine": round(cosine, 4)} for cosine, question in far
        ],
    }


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 4)
