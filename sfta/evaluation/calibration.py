"""When to refuse: a bias on the logit of refusing, fitted on validation rows.

Whether its context holds the answer is a decision with a logit: of the refusal's first token,
where the model writes its quotes, or of how little speaks for the best sentence, where quotes
are chosen. One number added to it moves the decision. It is fitted on rows the model has not
learnt from and that no test question was made from, it ships in the bundle, and the
evaluation uses the same number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sfta_edge.settings import Weights

_LARGEST_BIAS = 8.0


@dataclass(frozen=True, slots=True)
class Margin:
    """How far the model is from refusing one row."""

    gap: float
    """The logit of refusing, before any bias; above 0 it refuses."""
    should_refuse: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """The bias, and what it does on the rows it was fitted on."""

    bias: float
    """Added to the logit of refusing."""
    rows: int
    refusal_f1: float
    answer_f1: float
    before: float
    """Mean of both F1 without the bias."""
    weights: Weights = field(default_factory=Weights)
    """How quotes are chosen, fitted on the same rows; the defaults if they are written."""

    @property
    def threshold(self) -> float:
        """The same as a score between 0 and 1: `AnswerSettings.refusal_threshold`."""
        return round(1.0 / (1.0 + math.exp(self.bias)), 6)


def fit_bias(margins: Sequence[Margin]) -> Calibration:
    """The bias with the best mean of refusal F1 and answer F1; of equals the nearest to 0.

    That mean is Trust-Score's F1_GR (arXiv 2409.11242). Rows of one kind only say nothing
    about the other: then the bias is 0.
    """
    gaps = np.array([margin.gap for margin in margins], dtype=np.float64)
    wanted = np.array([margin.should_refuse for margin in margins], dtype=bool)
    if len(margins) == 0 or wanted.all() or not wanted.any():
        return Calibration(0.0, len(margins), *_both(gaps, wanted, 0.0), 0.0)
    before = sum(_both(gaps, wanted, 0.0)) / 2
    edges = np.unique(-gaps)
    between = (edges[1:] + edges[:-1]) / 2
    candidates = [0.0, *between[np.abs(between) <= _LARGEST_BIAS].tolist()]
    best = max(candidates, key=lambda b: (round(sum(_both(gaps, wanted, b)), 9), -abs(b)))
    refusal, answer = _both(gaps, wanted, best)
    return Calibration(round(best, 4), len(margins), refusal, answer, before)


def _both(
    gaps: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    wanted: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    bias: float,
) -> tuple[float, float]:
    """F1 of refusing and F1 of answering."""
    refused = gaps + bias > 0
    return _f1(refused, wanted), _f1(~refused, ~wanted)


def _f1(
    said: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    right: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
) -> float:
    both = int((said & right).sum())
    total = int(said.sum() + right.sum())
    return 2 * both / total if total else 0.0
