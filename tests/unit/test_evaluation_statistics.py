"""Intervals, paired differences and resampling of the evaluation."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.evaluation.aggregate import BY_KEY, COLUMNS, METRICS, columns, ratio, sums_of
from sfta.evaluation.statistics import (
    Estimate,
    Resampling,
    difference,
    estimate,
    mcnemar,
    mean_estimate,
    summarise,
)


def table(**filled):
    """One row per question; columns that are not named are zero."""
    length = len(next(iter(filled.values())))
    result = np.zeros((length, len(COLUMNS)))
    result[:, COLUMNS.index("questions")] = 1.0
    for name, values in filled.items():
        result[:, COLUMNS.index(name)] = values
    return result


def scores(values):
    return table(answerable=[1.0] * len(values), f1=values)


def singles(count):
    return [f"q{number}" for number in range(count)]


def test_an_estimate_is_the_mean_with_an_interval_around_it():
    values = [0.0, 1.0, 0.5, 0.5] * 25
    found = estimate(BY_KEY["token_f1"], Resampling(singles(100), 2000, 1).sums(scores(values)))
    assert found.value == 0.5
    # 1.96 standard errors of the mean, the textbook interval for 100 independent questions.
    half = 1.96 * np.std(values) / 10
    assert found.low == pytest.approx(0.5 - half, abs=0.02)
    assert found.high == pytest.approx(0.5 + half, abs=0.02)


def test_intervals_cover_the_true_mean_about_as_often_as_promised():
    generator = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        values = (generator.random(60) < 0.3).astype(float)
        drawn = Resampling(singles(60), 1000, trial).sums(scores(values))
        found = estimate(BY_KEY["token_f1"], drawn)
        covered += found.low <= 0.3 <= found.high
    assert 0.90 <= covered / 200 <= 0.99


def test_clusters_of_equal_questions_widen_the_interval():
    values = [float(number % 2) for number in range(20) for _ in range(10)]
    groups = [f"document {number}" for number in range(20) for _ in range(10)]
    alone = estimate(BY_KEY["token_f1"], Resampling(singles(200), 2000, 1).sums(scores(values)))
    together = estimate(BY_KEY["token_f1"], Resampling(groups, 2000, 1).sums(scores(values)))
    # Ten copies of a question tell no more than one: the interval of 20, not of 200.
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(
        10**0.5, rel=0.25
    )


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = scores([0.0, 0.3, 0.9, 1.0, 0.2] * 8)
    first, again, other = (
        estimate(BY_KEY["token_f1"], Resampling(singles(40), 1000, seed).sums(values))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first.value == other.value


def test_more_resamples_keep_the_draws_of_the_first():
    values = scores([0.0, 1.0, 1.0])
    short, long = (Resampling(singles(3), count, 1).sums(values) for count in (600, 1200))
    assert np.array_equal(short.resampled[:512], long.resampled[:512])
    assert long.resampled.shape == (1200, len(COLUMNS))


def test_every_resample_draws_as_many_clusters_as_there_are():
    drawn = Resampling(singles(7), 600, 3).sums(scores([1.0] * 7))
    assert set(drawn.resampled[:, COLUMNS.index("questions")]) == {7.0}


@given(st.lists(st.integers(0, 4).map(lambda n: n / 4), min_size=2, max_size=12))
@settings(max_examples=25, deadline=None)
def test_an_arm_gains_nothing_over_itself(values):
    drawn = Resampling(singles(len(values)), 1000, 1).sums(scores(values))
    assert difference(BY_KEY["token_f1"], drawn, drawn) == Estimate(0.0, 0.0, 0.0)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12),
)
@settings(max_examples=25, deadline=None)
def test_a_difference_turns_its_sign_with_its_arms(pairs):
    resampling = Resampling(singles(len(pairs)), 1000, 1)
    one, other = (resampling.sums(scores([p[i] / 4 for p in pairs])) for i in (0, 1))
    there, back = (
        difference(BY_KEY["token_f1"], one, other),
        difference(BY_KEY["token_f1"], other, one),
    )
    assert there.value == pytest.approx(-back.value, abs=1e-6)
    assert there.low == pytest.approx(-back.high, abs=1e-6)


def test_pairing_makes_a_constant_gain_certain():
    base = [0.0, 0.5, 0.1, 0.7] * 10
    resampling = Resampling(singles(40), 1000, 1)
    gained = difference(
        BY_KEY["token_f1"],
        resampling.sums(scores([value + 0.2 for value in base])),
        resampling.sums(scores(base)),
    )
    assert (gained.low, gained.value, gained.high) == pytest.approx((0.2, 0.2, 0.2))


def test_what_no_question_counts_for_is_not_measurable():
    drawn = Resampling(singles(2), 1000, 1).sums(table(refused=[0.0, 0.0]))
    for key in ("token_f1", "quote_validity", "refusal_precision", "citation_recall"):
        assert estimate(BY_KEY[key], drawn) == Estimate(None, None, None)


def test_resamples_in_which_nothing_counts_are_left_out():
    found = summarise(0.5, np.array([0.5, np.nan, 0.5, np.nan]))
    assert found == Estimate(0.5, 0.5, 0.5)
    assert found.interval == [0.5, 0.5]
    assert Estimate(None, None, None).interval is None


def test_a_negative_zero_is_written_as_zero():
    assert str(summarise(-0.0, np.array([-1e-9])).low) == "0.0"


def test_a_mean_leaves_out_the_questions_that_do_not_count():
    kept = np.array([1.0, 0.0, 1.0])
    found = mean_estimate([1.0, 0.2, 0.0], Resampling(singles(3), 1000, 1), kept)
    assert found.value == 0.5


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_is_the_two_sided_binomial_test(only_first, only_second):
    pairs = [(True, False)] * only_first + [(False, True)] * only_second + [(True, True)] * 3
    test = mcnemar([a for a, _ in pairs], [b for _, b in pairs])
    count = only_first + only_second
    # All outcomes at most as probable as the one seen.
    chances = [comb(count, k) / 2**count for k in range(count + 1)]
    expected = sum(c for c in chances if c <= chances[only_first] + 1e-12)
    assert (test.only_first, test.only_second) == (only_first, only_second)
    assert test.p_value == pytest.approx(min(1.0, expected), abs=1e-6)


def test_mcnemar_does_not_overflow_on_a_large_benchmark():
    assert mcnemar([True] * 5000, [False] * 5000).p_value == 0.0
    assert mcnemar([], []).p_value == 1.0


def refusal_scores(refused, held):
    """F1 of refusal and of answering, counted case by case."""

    def f1(said, true):
        both = sum(s and t for s, t in zip(said, true, strict=True))
        return 2 * both / (sum(said) + sum(true)) if sum(true) else None

    refusing = f1(refused, [not h for h in held])
    answering = f1([not r for r in refused], held)
    return refusing, answering


@pytest.mark.parametrize("cases", list(product([(0, 0), (0, 1), (1, 0), (1, 1)], repeat=3)))
def test_refusal_metrics_agree_with_counting(cases):
    refused, held = [bool(r) for r, _ in cases], [bool(h) for _, h in cases]
    drawn = Resampling(singles(3), 1000, 1).sums(
        table(
            refused=np.array(refused, float),
            held=np.array(held, float),
            refused_held=np.array([r and h for r, h in zip(refused, held, strict=True)], float),
        )
    )
    refusing, answering = refusal_scores(refused, held)
    assert estimate(BY_KEY["refusal_f1"], drawn).value == (
        None if refusing is None else pytest.approx(refusing, abs=1e-6)
    )
    both = None if refusing is None or answering is None else (refusing + answering) / 2
    found = estimate(BY_KEY["f1_gr"], drawn).value
    assert found == (None if both is None else pytest.approx(both, abs=1e-6))


def test_refusing_everything_cannot_win_the_grounded_refusal_f1():
    held = [1.0] * 8 + [0.0] * 2
    drawn = Resampling(singles(10), 1000, 1).sums(
        table(refused=[1.0] * 10, held=held, refused_held=held)
    )
    assert estimate(BY_KEY["refusal_recall"], drawn).value == 1.0
    assert estimate(BY_KEY["over_refusal"], drawn).value == 1.0
    assert estimate(BY_KEY["f1_gr"], drawn).value < 0.2


def test_every_metric_has_a_key_of_its_own_and_lies_between_zero_and_one():
    assert len(BY_KEY) == len(METRICS)
    full = columns([])
    assert full.shape == (0, len(COLUMNS))
    ones = sums_of(np.ones(len(COLUMNS)))
    for metric in METRICS:
        value = float(metric.formula(ones))
        assert np.isnan(value) or 0.0 <= value <= 1.0


def test_a_ratio_by_nothing_is_no_number_and_no_warning():
    assert np.isnan(ratio(np.array(0.0), np.array(0.0)))
    assert ratio(np.array([1.0, 2.0]), np.array([2.0, 0.0]))[0] == 0.5


def test_of_few_clusters_an_exact_test_has_to_agree():
    for count, shown in ((3, False), (5, False), (6, True), (14, True), (15, True)):
        resampling = Resampling(singles(count), 1000, 1)
        one, other = (resampling.sums(scores([value] * count)) for value in (1.0, 0.4))
        found = difference(BY_KEY["token_f1"], one, other)
        assert (found.value, found.low, found.high) == (0.6, 0.6 if shown else 0.0, 0.6)
        back = difference(BY_KEY["token_f1"], other, one)
        assert (back.low, back.high) == (-0.6, -0.6 if shown else 0.0)


def test_clusters_that_do_not_count_for_a_metric_do_not_make_five_many():
    padding = [0.0] * 40
    resampling = Resampling(singles(45), 1000, 1)
    one, other = (
        resampling.sums(table(answerable=[1.0] * 5 + padding, f1=[value] * 5 + padding))
        for value in (1.0, 0.4)
    )
    assert difference(BY_KEY["token_f1"], one, other).low == 0.0


def test_a_metric_that_single_clusters_cannot_have_needs_many_of_them():
    def tables(count):
        half = [float(number % 2) for number in range(count)]
        resampling = Resampling(singles(count), 1000, 1)
        wise = table(held=half, refused=[1.0 - h for h in half])
        fool = table(held=half, refused=half, refused_held=half)
        return resampling.sums(wise), resampling.sums(fool)

    assert difference(BY_KEY["f1_gr"], *tables(40)).low > 0.9
    assert difference(BY_KEY["f1_gr"], *tables(10)).low == 0.0
