"""Limits, segments, and text that grows from bytes."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.errors import ConfigError
from sfta_edge.generation import (
    ContextOverflowError,
    Limits,
    TextStream,
    as_segments,
    require_room,
)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_the_pieces_joined_are_the_decoding_of_all_bytes(raw, cuts):
    stream, at, pieces = TextStream(), 0, []
    for cut in [*sorted(cuts), len(raw)]:
        pieces.append(stream.feed(raw[at:cut]))
        at = max(at, cut)
    pieces.append(stream.finish())
    assert "".join(pieces) == stream.text == raw.decode("utf-8", "replace")


def test_half_a_character_waits_for_the_rest():
    stream = TextStream()
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert stream.feed(b"caf" + first) == "caf"
    assert stream.feed(second) == "é"
    assert stream.finish() == ""


def test_half_a_character_at_the_end_is_replaced():
    stream = TextStream()
    assert stream.feed("你".encode()[:2]) == ""
    assert stream.finish() == "\ufffd"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ([1, 2, 3], [[1, 2, 3]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
        ([[1], [], [2]], [[1], [2]]),
        ([[1, 2], 3, 4], [[1, 2], [3, 4]]),
        (((1, 2), (3,)), [[1, 2], [3]]),
    ],
)
def test_a_prompt_is_a_list_of_segments(prompt, expected):
    assert as_segments(prompt) == expected


def test_room_is_counted_to_the_token():
    require_room(90, 10, 100)
    with pytest.raises(ContextOverflowError, match="91"):
        require_room(91, 10, 100)


def test_without_a_deadline_there_is_no_hurry():
    limits = Limits(5)
    assert limits.seconds_left is None
    assert limits.interruption() is None


def test_a_deadline_counts_from_the_start():
    limits = Limits(5, deadline=10.0, started=time.monotonic() - 4)
    assert limits.seconds_left == pytest.approx(6, abs=1)
    late = Limits(5, deadline=10.0, started=time.monotonic() - 11)
    assert late.seconds_left == 0
    assert late.interruption() == "deadline"


def test_cancelling_comes_before_the_deadline():
    cancel = threading.Event()
    cancel.set()
    late = Limits(5, deadline=1.0, cancel=cancel, started=time.monotonic() - 11)
    assert late.interruption() == "cancelled"


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan")])
def test_a_deadline_in_the_past_is_refused(deadline):
    with pytest.raises(ConfigError, match="deadline"):
        Limits(1, deadline=deadline)
