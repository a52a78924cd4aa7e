"""Whether a trained retriever finds more, on each test set, with paired intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sfta.evaluation.cases import Case
from sfta.evaluation.clusters import Level, clusters_of
from sfta.evaluation.metrics import ndcg_at, recall_at
from sfta.evaluation.statistics import Resampling, mean_estimate

OVERALL = "all"
_DEPTH = 10
_Pair = tuple[Case, Case]


def gain(
    before: Sequence[Case],
    after: Sequence[Case],
    *,
    resamples: int,
    cluster: Literal["auto"] | Level,
    seed: int,
    beside: str = "",
) -> dict[str, Any]:
    """Recall of what is retrieved and nDCG at 10, by test set and over all: before, after, gain.

    Args:
        before: questions with at least one oracle chunk, as one retriever finds them.
        after: the same, as the other finds them.
        resamples: behind each interval.
        cluster: what is drawn as one piece.
        seed: of the resamples.
        beside: a test set that has its own figures and is not in those over all.
    """
    pairs = list(zip(before, after, strict=True))
    own = [pair for pair in pairs if not beside or pair[0].question.test_set != beside]
    sets: dict[str, list[_Pair]] = {OVERALL: own}
    for pair in pairs:
        if name := pair[0].question.test_set:
            sets.setdefault(name, []).append(pair)
    found = {}
    for name, members in sorted(sets.items()):
        clusters = clusters_of([old for old, _ in members], cluster)
        found[name] = _figures(members, Resampling(clusters.names, resamples, seed))
    return found


def is_better(figures: Mapping[str, Any]) -> bool:
    """Whether nDCG has grown beyond chance over all, and recall has fallen so on no test set."""
    gained = figures[OVERALL]["ndcg"]["interval"]
    recalls = [found["recall"]["interval"] for found in figures.values()]
    lost = any(interval is not None and interval[1] < 0 for interval in recalls)
    return gained is not None and gained[0] > 0 and not lost


def _figures(members: Sequence[_Pair], resampling: Resampling) -> dict[str, Any]:
    scores: dict[str, Callable[[Case], float]] = {"recall": _recall, "ndcg": _ndcg}
    found: dict[str, Any] = {"questions": len(members)}
    for name, score in scores.items():
        old, new = (np.array([score(pair[side]) for pair in members]) for side in (0, 1))
        gained = mean_estimate(list(new - old), resampling, np.ones(len(members)))
        found[name] = {
            "before": round(float(old.mean()), 6),
            "after": round(float(new.mean()), 6),
            "difference": gained.value,
            "interval": gained.interval,
        }
    return found


def _recall(case: Case) -> float:
    return recall_at(_ranked(case), case.oracle.ids, len(case.retrieved))


def _ndcg(case: Case) -> float:
    return ndcg_at(_ranked(case), case.oracle.ids, _DEPTH)


def _ranked(case: Case) -> list[str]:
    return [chunk.id for chunk in case.ranked]
