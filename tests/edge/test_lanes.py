"""Cases dealt out to lanes come back in their order, whichever lane was faster."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.lanes import in_lanes


@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_results_stand_in_the_order_of_the_cases(cases, count):
    assert in_lanes(range(count), lambda _lane, case: 2 * case, cases) == [2 * c for c in cases]


def test_neighbours_are_done_by_one_lane():
    lanes = ["a", "b"]
    found = in_lanes(lanes, lambda lane, case: lane + case, ["1", "2", "3", "4", "5"])
    assert found == ["a1", "a2", "b3", "b4", "b5"]


def test_a_lane_may_have_nothing_to_do():
    assert in_lanes(["a", "b", "c"], lambda lane, case: lane + case, ["1"]) == ["c1"]


def test_lanes_work_at_the_same_time():
    """Each waits for the other: with one at a time this would not end."""
    meeting = threading.Barrier(2, timeout=30)
    assert len(in_lanes([0, 1], lambda _lane, _case: meeting.wait(), [0, 1])) == 2


def test_each_case_is_reported_once():
    done = []
    in_lanes([0, 1], lambda _lane, case: case, [1, 2, 3], on_done=lambda: done.append(1))
    assert len(done) == 3


def test_an_error_of_one_case_ends_all():
    with pytest.raises(ZeroDivisionError):
        in_lanes([0, 1], lambda _lane, case: 1 // case, [1, 0, 1])
