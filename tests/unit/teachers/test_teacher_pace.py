"""Limits per minute, pauses that endpoints ask for, waits that end early."""

import asyncio
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeClock
from sfta.adapters.teacher_pace import (
    LONGEST_WAIT_SECONDS,
    Pace,
    RateWindow,
    StoppedError,
    SystemClock,
    pause,
    retry_after,
)


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(1, 60), st.floats(0, 40)), max_size=40),
)
def test_no_sixty_seconds_hold_more_than_the_limit(limit, wishes):
    window, now, taken = RateWindow(limit), 0.0, []
    for amount, idle in wishes:
        now += idle
        now += window.wait(amount, now)
        assert window.wait(amount, now) <= 0
        window.take(amount, now)
        taken.append((now, amount))
    for end, _ in taken:
        inside = [amount for when, amount in taken if end - 60.0 + 1e-6 < when <= end]
        # What is larger than the limit by itself goes out alone.
        assert sum(inside) <= limit or len(inside) == 1


def test_the_full_rate_is_used():
    window = RateWindow(60)
    for second in range(60):
        assert window.wait(1, float(second)) == 0.0
        window.take(1, float(second))
    assert window.wait(1, 59.5) == pytest.approx(0.5)


def turns(count, tokens=1, **limits):
    clock, begun = FakeClock(), []

    async def go():
        pace = Pace(clock, **limits)
        for _ in range(count):
            await pace.turn(tokens)
            begun.append(clock.now())

    asyncio.run(go())
    return begun


def test_requests_wait_for_their_minute():
    assert turns(5, requests_per_minute=2) == [0.0, 0.0, 60.0, 60.0, 120.0]


def test_tokens_wait_for_their_minute():
    assert turns(4, tokens=40, tokens_per_minute=100) == [0.0, 0.0, 60.0, 60.0]


def test_without_limits_nobody_waits():
    assert turns(3) == [0.0, 0.0, 0.0]


def test_while_the_endpoint_asks_for_a_pause_no_request_goes_out():
    clock = FakeClock()

    async def go():
        pace = Pace(clock)
        pace.hold(17.0)
        pace.hold(3.0)
        await asyncio.gather(*(pace.turn(1) for _ in range(4)))

    asyncio.run(go())
    assert clock.now() == 17.0


def test_a_stop_ends_every_wait():
    async def go():
        pace = Pace(SystemClock(), requests_per_minute=1)
        await pace.turn(1)
        waiting = [asyncio.create_task(pace.turn(1)) for _ in range(3)]
        waiting.append(asyncio.create_task(pace.nap(3600)))
        await asyncio.sleep(0)
        pace.stop()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert {type(outcome) for outcome in asyncio.run(go())} == {StoppedError}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": formatdate(1030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(900, usegmt=True)}, 0.0),
        # By the endpoint's clock, where ours is wrong.
        ({"retry-after": formatdate(7030, usegmt=True), "date": formatdate(7000, usegmt=True)},
         30.0),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(headers, seconds):
    assert retry_after(headers, 1000.0) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_breaks_the_reader(value, date):
    found = retry_after({"retry-after": value, "date": date}, 0.0)
    assert found is None or found >= 0


@given(st.integers(0, 19), st.none() | st.floats(0, 1e6))
def test_a_pause_grows_keeps_to_what_is_asked_and_is_never_long(attempt, asked):
    seconds = pause(attempt, asked)
    assert 0 < seconds <= LONGEST_WAIT_SECONDS
    assert seconds >= min(LONGEST_WAIT_SECONDS, max(asked or 0.0, 2.0**attempt * 0.5))
