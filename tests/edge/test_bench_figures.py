"""What is said of several figures follows from the figures alone."""

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.bench.figures import Series, jain_index, percentile, slope
from sfta_edge.errors import ConfigError

POSITIVE = st.floats(1e-6, 1e6)
FIGURES = st.lists(POSITIVE, min_size=1, max_size=30)


@given(FIGURES, st.floats(0.001, 1.0))
def test_a_percentile_is_a_figure_that_so_many_do_not_exceed(values, share):
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@given(FIGURES, st.randoms())
def test_the_order_of_the_figures_does_not_matter_but_for_the_slope(values, random):
    mixed = list(values)
    random.shuffle(mixed)
    before, after = Series(tuple(values)), Series(tuple(mixed))
    assert before.to_json() == after.to_json()
    assert jain_index(values) == pytest.approx(jain_index(mixed))


@given(FIGURES)
def test_median_and_p95_lie_between_lowest_and_highest(values):
    series = Series(tuple(values))
    assert series.median == median(values)
    assert min(values) <= series.median <= max(values)
    assert series.p95 <= max(values)
    assert series.spread >= 0


@given(POSITIVE, st.integers(1, 20))
def test_equal_figures_have_no_spread_and_are_shared_evenly(value, count):
    series = Series((value,) * count)
    assert series.spread == 0
    assert jain_index(series.values) == pytest.approx(1.0)


@given(FIGURES, POSITIVE)
def test_spread_and_evenness_do_not_depend_on_the_unit(values, factor):
    scaled = [value * factor for value in values]
    assert Series(tuple(scaled)).spread == pytest.approx(Series(tuple(values)).spread)
    assert jain_index(scaled) == pytest.approx(jain_index(values))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_evenness_lies_between_one_of_all_and_one(shares):
    assert 1 / len(shares) - 1e-9 <= jain_index(shares) <= 1 + 1e-9


def test_one_who_has_everything_leaves_one_of_all():
    assert jain_index([7, 0, 0, 0]) == pytest.approx(0.25)
    assert jain_index([0, 0]) == 1.0


@given(
    st.lists(st.integers(0, 10_000), min_size=2, max_size=20, unique=True),
    st.floats(-100, 100),
    st.floats(-1000, 1000),
)
def test_the_slope_of_a_line_is_found(places, grows, start):
    values = [start + grows * place for place in places]
    assert slope(places, values) == pytest.approx(grows, abs=1e-6)


def test_nothing_grows_without_two_places():
    assert slope([], []) == 0.0
    assert slope([5, 5], [1.0, 9.0]) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: Series(()),
        lambda: percentile([], 0.5),
        lambda: percentile([1.0], 0.0),
        lambda: percentile([1.0], 1.1),
        lambda: jain_index([]),
        lambda: jain_index([1.0, -1.0]),
        lambda: slope([1.0], []),
    ],
)
def test_what_cannot_be_said_is_refused(call):
    with pytest.raises(ConfigError):
        call()
