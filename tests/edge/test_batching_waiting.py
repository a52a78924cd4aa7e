"""The room where tasks wait: its doors, its places, and who goes first."""

from queue import Empty

import pytest

from sfta_edge.batching.tasks import Failed, Place, Writing
from sfta_edge.batching.turns import BusyError
from sfta_edge.batching.waiting import EngineStoppedError, WaitingRoom
from sfta_edge.generation import Limits


def task(tokens, caller="a"):
    return Writing(segments=[[t] for t in tokens], limits=Limits(4, caller=caller), room=4)


def heard(waiting):
    """All that a task was told so far."""
    events = []
    while True:
        try:
            events.append(waiting.events.get_nowait())
        except Empty:
            return events


@pytest.fixture(name="room")
def _room():
    return WaitingRoom(8)


def test_everybody_hears_the_place_when_it_changes(room):
    first, second = task([1]), task([2], "b")
    room.enter(first)
    room.enter(second)
    assert (heard(first), heard(second)) == ([Place(0)], [Place(1)])
    assert room.first() is first
    assert room.serve(first)
    assert heard(second) == [Place(0)]
    assert heard(first) == []


def test_who_goes_frees_the_place(room):
    first, second = task([1]), task([2])
    room.enter(first)
    room.enter(second)
    heard(second)
    assert room.withdraw(first)
    assert not room.withdraw(first)
    assert not room.serve(first)
    assert heard(second) == [Place(0)]
    assert len(room) == 1


def test_a_full_room_lets_nobody_in():
    room = WaitingRoom(1)
    room.enter(task([1]))
    late = task([2], "b")
    with pytest.raises(BusyError):
        room.enter(late)
    assert heard(late) == []


def test_writing_after_comparing_goes_first_once(room):
    room.enter(other := task([9], "b"))
    room.expect("a", ((1,), (2,)))
    room.enter(answer := task([1, 2, 3]))
    assert room.first() is answer
    assert room.serve(answer)
    room.enter(task([1, 2, 3]))
    assert room.first() is other


@pytest.mark.parametrize(
    ("tokens", "caller"), [([1, 2, 3], "c"), ([1, 9, 3], "a"), ([1, 2], "a")]
)
def test_it_goes_first_for_that_caller_and_prompt_alone(room, tokens, caller):
    room.enter(other := task([9], "b"))
    room.expect("a", ((1,), (2,)))
    room.enter(task(tokens, caller))
    assert room.first() is other


def test_what_is_expected_is_bounded(room):
    for number in range(1000):
        room.expect(str(number), ((1,),))
    assert len(room._expected) <= 256


def test_a_closed_room_says_why_to_all(room):
    room.enter(waiting := task([1]))
    heard(waiting)
    room.close(EngineStoppedError("closed for good", hint="Start again."))
    (event,) = heard(waiting)
    assert isinstance(event, Failed)
    assert str(event.error) == "closed for good"
    assert room.closed
    room.wait()
    with pytest.raises(EngineStoppedError, match="for good") as caught:
        room.enter(task([2]))
    assert caught.value.hint == "Start again."
    room.close(EngineStoppedError("another reason"))
    with pytest.raises(EngineStoppedError, match="for good"):
        room.enter(task([2]))
