"""One caller cannot take all the time of a device."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_world import TurnedClock
from sfta_edge.accounts.rates import Buckets, Rate
from sfta_edge.accounts.refusals import RateError
from sfta_edge.errors import ConfigError


@pytest.fixture(name="clock")
def _clock():
    return TurnedClock()


def taken(buckets, caller="rita"):
    try:
        buckets.take(caller)
    except RateError as error:
        return error.retry_after
    return 0


def test_some_may_come_at_once_and_then_one_at_a_time(clock):
    buckets = Buckets(Rate(per_minute=30, burst=3), clock)
    assert [taken(buckets) for _ in range(5)] == [0, 0, 0, 2, 2]
    clock.pass_(2)
    assert [taken(buckets) for _ in range(2)] == [0, 2]
    clock.pass_(60)
    assert [taken(buckets) for _ in range(4)] == [0, 0, 0, 2]


def test_callers_do_not_share(clock):
    buckets = Buckets(Rate(per_minute=1, burst=1), clock)
    assert [taken(buckets, name) for name in ("ada", "ed", "ada")] == [0, 0, 60]


@given(
    st.floats(0.1, 1000),
    st.integers(1, 20),
    st.lists(st.floats(0, 30), max_size=60),
)
def test_no_pattern_of_requests_gets_more_than_the_rate(per_minute, burst, pauses):
    clock = TurnedClock()
    buckets, granted = Buckets(Rate(per_minute, burst), clock), 0
    for pause in pauses:
        clock.pass_(pause)
        granted += taken(buckets) == 0
    assert granted <= burst + sum(pauses) * per_minute / 60 + 1e-6


@given(st.floats(0.1, 1000), st.integers(1, 20))
def test_whoever_waits_as_long_as_told_is_let_through(per_minute, burst):
    clock = TurnedClock()
    buckets = Buckets(Rate(per_minute, burst), clock)
    assert [taken(buckets) for _ in range(burst)] == [0] * burst
    wait = taken(buckets)
    assert wait > 0
    clock.pass_(wait)
    assert taken(buckets) == 0


@pytest.mark.parametrize("wall", [0.0, 3e9])
def test_a_calendar_that_jumps_changes_nothing(clock, wall):
    buckets = Buckets(Rate(per_minute=1, burst=1), clock)
    buckets.take("rita")
    clock.wall = wall
    assert taken(buckets) == 60


def test_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr("sfta_edge.accounts.rates._PLACES", 10)
    buckets = Buckets(Rate(per_minute=1, burst=1), clock)
    for i in range(100):
        buckets.take(f"user{i}")
    assert len(buckets._full) == 10
    assert taken(buckets, "user99") == 60


def test_threads_together_get_no_more_than_one_would(clock):
    buckets, granted = Buckets(Rate(per_minute=1, burst=25), clock), []

    def take():
        for _ in range(20):
            if taken(buckets) == 0:
                granted.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 25


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (-1, 1), (1, 0), (float("inf"), 1)])
def test_a_rate_that_cannot_be_is_refused(per_minute, burst):
    with pytest.raises(ConfigError, match="a rate is"):
        Rate(per_minute, burst)
