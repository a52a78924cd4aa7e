"""How much the model and the embedder count when a quote is chosen, fitted on validation rows.

Two small convex problems, solved by Newton's method. Which sentence: a conditional logit over
the candidates of each row (McFadden, 1974), whose answer is the sentence the row quotes.
Whether to refuse: a logistic regression over the mark of the sentence so chosen. Test questions
take no part.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfta_edge.quoting import Evidence, choose, mark
from sfta_edge.settings import Weights

Floats = NDArray[np.float64]
Derivatives = Callable[[Floats], tuple[Floats, Floats]]
"""``weights -> (gradient of the log-likelihood, its negated second derivative)``."""

_RIDGE = 0.1  # keeps the weights finite where a witness is never wrong
_STEPS = 50
_ENOUGH = 1e-9
_LONGEST_STEP = 4.0  # a whole step can overshoot where the rows are nearly told apart


@dataclass(frozen=True, slots=True)
class WeighedRow:
    """A validation row, and what speaks for each sentence of its chunks."""

    evidence: tuple[Evidence, ...]
    """At least one."""
    quote: int | None
    """The sentence that the row quotes; None if it refuses, or quotes no whole sentence."""
    should_refuse: bool


def fit_weights(rows: Sequence[WeighedRow]) -> Weights:
    """Weights under which the rows are likeliest; rows that say nothing of one leave it alone."""
    weights = Weights()
    quoting = [row for row in rows if row.quote is not None]
    if quoting:
        likelihood, similarity = _fit_choice(quoting)
        weights = replace(weights, likelihood=likelihood, similarity=similarity)
    wanted = [row.should_refuse for row in rows]
    if any(wanted) and not all(wanted):
        constant, slope = _fit_refusal(rows, weights)
        weights = replace(weights, refusal_constant=constant, refusal_slope=-slope)
    return weights


def _fit_choice(rows: Sequence[WeighedRow]) -> tuple[float, float]:
    sets = [
        (np.array([[e.likelihood, e.similarity] for e in row.evidence]), row.quote or 0)
        for row in rows
    ]

    def derivatives(at: Floats) -> tuple[Floats, Floats]:
        gradient, curvature = -_RIDGE * at, _RIDGE * np.eye(2)
        for features, chosen in sets:
            share = _softmax(features @ at)
            mean = share @ features
            apart = features - mean
            gradient += features[chosen] - mean
            curvature += apart.T @ (apart * share[:, None])
        return gradient, curvature

    likelihood, similarity = _rounded(_newton(derivatives, np.zeros(2)))
    return likelihood, similarity


def _fit_refusal(rows: Sequence[WeighedRow], weights: Weights) -> tuple[float, float]:
    best = [row.evidence[choose(row.evidence, weights).index] for row in rows]
    features = np.array([[1.0, mark(each, weights)] for each in best])
    wanted = np.array([row.should_refuse for row in rows], dtype=np.float64)
    ridge = _RIDGE * np.diag([0.0, 1.0])

    def derivatives(at: Floats) -> tuple[Floats, Floats]:
        share = 0.5 * (1.0 + np.tanh(features @ at / 2))
        gradient = features.T @ (wanted - share) - ridge @ at
        return gradient, features.T @ (features * (share * (1 - share))[:, None]) + ridge

    start = np.array([math.log(wanted.mean() / (1 - wanted.mean())), 0.0])
    constant, slope = _rounded(_newton(derivatives, start))
    return constant, slope


def _newton(derivatives: Derivatives, at: Floats) -> Floats:
    for _ in range(_STEPS):
        gradient, curvature = derivatives(at)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), _ENOUGH))
        at = at + step
        if float(np.abs(step).max()) < _ENOUGH:
            break
    return at


def _softmax(values: Floats) -> Floats:
    shares: Floats = np.exp(values - values.max())
    shares /= shares.sum()
    return shares


def _rounded(values: Floats) -> tuple[float, ...]:
    # A bundle states them; more digits than this say nothing.
    return tuple(round(float(value), 6) for value in values)
