"""How well the search finds the oracle chunks: the upper bound of every arm that relies on it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from sfta.evaluation.cases import Case, answer_in
from sfta.evaluation.metrics import hit_at, ndcg_at, recall_at, reciprocal_rank
from sfta.evaluation.statistics import Estimate, Resampling, mean_estimate

Score = Callable[[list[str], tuple[str, ...]], float]


def retrieval_figures(cases: Sequence[Case], resampling: Resampling) -> dict[str, Any]:
    """Metrics with intervals, over the questions that were searched for and have an oracle."""
    kept = [bool(c.searched and c.question.answerable and c.oracle.ids) for c in cases]
    top_k = max(
        (len(c.retrieved) for c, keep in zip(cases, kept, strict=True) if keep), default=0
    )
    depth = max((len(c.ranked) for c, keep in zip(cases, kept, strict=True) if keep), default=0)
    scores: dict[str, Score] = {}
    for k in sorted({1, top_k, depth}) if depth else ():
        scores[f"hit@{k}"] = partial(hit_at, k=k)
        scores[f"recall@{k}"] = partial(recall_at, k=k)
    if depth:
        scores[f"mrr@{depth}"] = reciprocal_rank
        scores[f"ndcg@{depth}"] = partial(ndcg_at, k=depth)
    found = {key: _mean(score, cases, kept, resampling) for key, score in scores.items()}
    held = [answer_in(case, case.retrieved) for case in cases if case.question.answerable]
    return {
        "n": sum(kept),
        "top_k": top_k,
        "answer_in_context": round(sum(held) / len(held), 6) if held else None,
        "metrics": {key: value.value for key, value in found.items()},
        "intervals": {key: value.interval for key, value in found.items()},
    }


def _mean(
    score: Score, cases: Sequence[Case], kept: Sequence[bool], resampling: Resampling
) -> Estimate:
    values = [
        score([chunk.id for chunk in case.ranked], case.oracle.ids) if keep else 0.0
        for case, keep in zip(cases, kept, strict=True)
    ]
    return mean_estimate(values, resampling, np.array(kept, dtype=np.float64))
