"""Pictures and percentiles of chunk lengths."""

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.histograms import draw_counts, draw_lengths
from sfta.documents.quantiles import percentile

NUMBERS = st.lists(st.integers(0, 500), min_size=1, max_size=40)


def draw(folder):
    folder.mkdir()
    draw_lengths([10, 20, 20, 30], 40, folder / "lengths.png")
    draw_counts([1, 2, 2, 300], folder / "counts.png")
    return [(folder / name).read_bytes() for name in ("lengths.png", "counts.png")]


def test_the_same_numbers_give_the_same_bytes_on_any_machine(tmp_path):
    first = draw(tmp_path / "one")
    with mpl.rc_context({"axes.facecolor": "black", "savefig.dpi": 30}):
        second = draw(tmp_path / "two")
    assert first == second
    assert all(raw.startswith(b"\x89PNG") and b"Software" not in raw for raw in first)


@pytest.mark.parametrize("counts", [[0], [1], [7] * 3, [0, 5000], list(range(100))])
def test_any_counts_can_be_drawn(tmp_path, counts):
    draw_counts(counts, tmp_path / "counts.png")
    assert (tmp_path / "counts.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("values", "percent", "value"),
    [([5], 50, 5), ([1, 2, 3, 4], 50, 2), ([4, 3, 2, 1], 95, 4), (range(1, 101), 95, 95)],
)
def test_percentiles_are_values_of_the_list(values, percent, value):
    assert percentile(list(values), percent) == value


@given(NUMBERS, st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_covers_the_share(values, percent):
    found = percentile(values, percent)
    assert found in values
    assert sum(v <= found for v in values) * 100 >= percent * len(values)
    assert sum(v < found for v in values) * 100 < percent * len(values)
