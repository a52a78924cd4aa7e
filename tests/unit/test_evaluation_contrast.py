"""Figures over columns of their own, with the same draws and the same care as the metrics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.evaluation.aggregate import ratio
from sfta.evaluation.outcome import gained
from sfta.evaluation.statistics import Estimate, Resampling, contrast, estimates


def mean(table):
    return {"mean": ratio(table[..., 0], table[..., 1]), "count": table[..., 1]}


def column(values):
    return np.array([[value, 1.0] for value in values])


def resampling(clusters, seed=3):
    return Resampling([f"c{n}" for n in range(clusters)], 1000, seed)


def test_each_figure_has_its_value_and_an_interval_around_it():
    drawn = resampling(100).sums(column([0.0, 1.0] * 50))
    found = estimates(mean, drawn)
    assert (found["mean"].value, found["count"].value) == (0.5, 100.0)
    assert found["mean"].low < 0.5 < found["mean"].high
    assert found["mean"].facts() == {"value": 0.5, "interval": found["mean"].interval}
    assert Estimate(None, None, None).facts() == {"value": None, "interval": None}


@given(st.lists(st.floats(0, 1), min_size=20, max_size=40), st.floats(0.1, 1.0))
@settings(max_examples=30, deadline=None)
def test_a_constant_lead_is_certain_because_the_draws_are_paired(values, lead):
    draws = resampling(len(values))
    one, other = draws.sums(column([v + lead for v in values])), draws.sums(column(values))
    found = contrast(mean, "mean", one, other)
    assert (found.value, found.low, found.high) == pytest.approx((lead,) * 3, abs=1e-5)
    back = contrast(mean, "mean", other, one)
    assert back.value == pytest.approx(-found.value, abs=1e-6)


def test_a_few_clusters_that_agree_show_nothing():
    five, thirty = (
        contrast(mean, "mean", draws.sums(column([1.0] * n)), draws.sums(column([0.0] * n)))
        for n, draws in ((5, resampling(5)), (30, resampling(30)))
    )
    assert five.interval == [0.0, 1.0]
    assert thirty.interval == [1.0, 1.0]


def test_a_figure_that_cannot_be_measured_has_no_difference():
    draws = resampling(20)
    nothing = draws.sums(np.zeros((20, 2)))
    assert contrast(mean, "mean", nothing, draws.sums(column([1.0] * 20))).value is None


def test_the_trained_model_is_compared_with_the_base_model_only_if_both_were_asked():
    draws = resampling(20)
    arms = {"raft_rag": draws.sums(column([1.0] * 20)), "x_rag": draws.sums(column([0.0] * 20))}
    assert gained(mean, "mean", arms) is None
    arms["base_rag"] = arms.pop("x_rag")
    assert gained(mean, "mean", arms) == {"value": 1.0, "interval": [1.0, 1.0]}
