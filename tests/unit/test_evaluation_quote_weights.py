"""Weights of model and embedder are those under which the validation rows are likeliest."""

import math
import random
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.quote_weights import WeighedRow, fit_weights
from sfta_edge.quoting import Evidence, choose
from sfta_edge.settings import Weights

numbers = st.floats(-30, 0, width=32)
evidence = st.builds(
    Evidence, st.lists(numbers, min_size=1, max_size=4).map(tuple), st.floats(-1, 1, width=32)
)


@st.composite
def weighed_rows(draw):
    found = draw(st.lists(evidence, min_size=1, max_size=5).map(tuple))
    refuses = draw(st.booleans())
    quote = None if refuses else draw(st.integers(0, len(found) - 1))
    return WeighedRow(found, quote, refuses)


def rows_of(right, wrong, count=40, *, seed=3):
    """Rows of two candidates: `right` and `wrong` draw the evidence of each."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        pair = [right(rng), wrong(rng)]
        made.append(WeighedRow(tuple(pair[:: (-1) ** number]), number % 2, should_refuse=False))
    return made


def right_share(rows, weights):
    chosen = [choose(row.evidence, weights).index == row.quote for row in rows]
    return sum(chosen) / len(chosen)


def noisy(rng, likelihood, similarity):
    return Evidence((rng.gauss(likelihood, 2.0),), rng.gauss(similarity, 0.1))


def test_two_witnesses_together_choose_better_than_each_alone():
    rows = rows_of(lambda r: noisy(r, -3, 0.5), lambda r: noisy(r, -5, 0.4), 400)
    both = right_share(rows, fit_weights(rows))
    assert both > right_share(rows, Weights(1.0, 0.0))
    assert both > right_share(rows, Weights(0.0, 1.0))


def test_a_witness_that_knows_nothing_counts_next_to_nothing():
    rows = rows_of(lambda r: noisy(r, -4, 0.6), lambda r: noisy(r, -4, 0.2), 200)
    weights = fit_weights(rows)
    assert weights.similarity * 0.1 > 5 * abs(weights.likelihood * 2.0)


def test_refusals_are_told_by_the_evidence_for_the_best_sentence():
    held = rows_of(lambda r: noisy(r, -3, 0.7), lambda r: noisy(r, -6, 0.3), 60)
    missing = [
        WeighedRow((noisy(random.Random(n), -6, 0.3),), None, should_refuse=True)
        for n in range(20)
    ]
    weights = fit_weights([*held, *missing])

    def score(row):
        return choose(row.evidence, weights).refusal_score

    told = [(score(m) > score(h)) for m in missing for h in held]
    assert sum(told) / len(told) > 0.95


def test_the_mean_of_the_scores_is_the_share_of_refusals():
    """A logistic regression with a constant is calibrated in the large."""
    rows = [
        WeighedRow(
            (noisy(random.Random(n), -4, 0.5),), 0 if n % 4 else None, should_refuse=n % 4 == 0
        )
        for n in range(200)
    ]
    weights = fit_weights(rows)
    scores = [choose(row.evidence, weights).refusal_score for row in rows]
    assert sum(scores) / len(scores) == pytest.approx(0.25, abs=1e-3)


@given(st.lists(weighed_rows(), max_size=12))
def test_any_rows_give_finite_weights_and_the_same_ones_again(rows):
    weights = fit_weights(rows)
    assert all(math.isfinite(value) for value in astuple(weights))
    assert fit_weights(rows) == weights


def test_without_rows_the_weights_are_the_defaults():
    assert fit_weights([]) == Weights()


def test_rows_that_all_answer_say_nothing_about_refusing():
    rows = rows_of(lambda r: noisy(r, -3, 0.5), lambda r: noisy(r, -5, 0.4))
    weights = fit_weights(rows)
    assert weights.refusal_constant == Weights().refusal_constant
    assert weights.refusal_slope == Weights().refusal_slope
