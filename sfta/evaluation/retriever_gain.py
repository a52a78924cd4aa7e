"""Whether a trained retriever finds more, on each test set, with paired intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sfta.evaluation.metrics import ndcg_at, recall_at
from sfta.evaluation.statistics import Resampling, mean_estimate

DEPTH = 10
_RESAMPLES = 5000
OVERALL = "all"


@dataclass(frozen=True, slots=True)
class Searched:
    """One question, and what each retriever finds for it."""

    test_set: str
    group: str
    """What it is drawn with in a resample: the document of its answer."""
    oracles: tuple[str, ...]
    before: tuple[str, ...]
    """Ids of chunks, best first."""
    after: tuple[str, ...]


def gain(
    searched: Sequence[Searched], top_k: int, seed: int, *, beside: str = ""
) -> dict[str, Any]:
    """Recall at `top_k` and nDCG at 10 before, after, and the difference; by test set and overall.

    Args:
        searched: questions with at least one oracle chunk.
        top_k: chunks that the model is given.
        seed: of the resamples.
        beside: a test set that has its own figures and is not in those over all.
    """
    sets = {OVERALL: [one for one in searched if not beside or one.test_set != beside]}
    for one in searched:
        if one.test_set:
            sets.setdefault(one.test_set, []).append(one)
    return {name: _figures(members, top_k, seed) for name, members in sorted(sets.items())}


def is_better(figures: Mapping[str, Any], top_k: int) -> bool:
    """Whether nDCG has grown beyond chance over all, and recall has fallen so on no test set."""
    gained = figures[OVERALL][f"ndcg@{DEPTH}"]["interval"]
    recalls = [found[f"recall@{top_k}"]["interval"] for found in figures.values()]
    lost = any(interval is not None and interval[1] < 0 for interval in recalls)
    return gained is not None and gained[0] > 0 and not lost


def _figures(members: Sequence[Searched], top_k: int, seed: int) -> dict[str, Any]:
    resampling = Resampling([one.group for one in members], _RESAMPLES, seed)
    scores: dict[str, Callable[..., float]] = {
        f"recall@{top_k}": partial(recall_at, k=top_k),
        f"ndcg@{DEPTH}": partial(ndcg_at, k=DEPTH),
    }
    found: dict[str, Any] = {"questions": len(members)}
    for name, score in scores.items():
        before = np.array([score(one.before, one.oracles) for one in members])
        after = np.array([score(one.after, one.oracles) for one in members])
        gained = mean_estimate(list(after - before), resampling, np.ones(len(members)))
        found[name] = {
            "before": round(float(before.mean()), 6),
            "after": round(float(after.mean()), 6),
            "difference": gained.value,
            "interval": gained.interval,
        }
    return found
