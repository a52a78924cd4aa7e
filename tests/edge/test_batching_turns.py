"""Callers take turns, whoever asks for how much."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.batching.turns import BusyError, TurnQueue

COSTS = st.integers(1, 50)
ASKED = st.lists(st.tuples(st.sampled_from("abcd"), COSTS), max_size=40)


class Wish:
    """Something to serve, with what it costs."""

    def __init__(self, caller, cost, number=0):
        self.caller, self.cost, self.number = caller, cost, number

    def __repr__(self):
        return f"{self.caller}{self.number}({self.cost})"


def filled(asked, most=1000):
    queue, wishes = TurnQueue(most), []
    for number, (caller, cost) in enumerate(asked):
        wishes.append(Wish(caller, cost, number))
        queue.push(wishes[-1], caller, cost)
    return queue, wishes


def served(queue):
    """Take everything out, in turn."""
    while (item := queue.first()) is not None:
        assert queue.serve(item)
        yield item


@given(ASKED)
def test_everything_is_served_once(asked):
    queue, wishes = filled(asked)
    assert sorted(w.number for w in served(queue)) == [w.number for w in wishes]
    assert len(queue) == 0


@given(ASKED)
def test_a_caller_is_served_in_the_order_of_asking(asked):
    queue, _ = filled(asked)
    last = {}
    for wish in served(queue):
        assert wish.number > last.get(wish.caller, -1)
        last[wish.caller] = wish.number


@given(ASKED)
def test_the_order_that_is_told_is_the_order_of_service(asked):
    queue, _ = filled(asked)
    assert queue.order() == list(served(queue))


@given(st.lists(COSTS, min_size=3, max_size=30), st.lists(COSTS, min_size=3, max_size=30))
def test_two_who_always_wait_get_as_much_but_for_their_largest_items(first, second):
    queue, _ = filled([("a", cost) for cost in first] + [("b", cost) for cost in second])
    left, work = Counter(a=len(first), b=len(second)), Counter(a=0, b=0)
    for wish in served(queue):
        left[wish.caller] -= 1
        work[wish.caller] += wish.cost
        if min(left.values()) == 0:
            break
        assert abs(work["a"] - work["b"]) <= max(first) + max(second)


@given(st.integers(1, 60), COSTS)
def test_nobody_waits_for_more_than_one_item_of_a_caller_with_many(crowd, cost):
    queue, _ = filled([("hog", cost)] * crowd)
    late = Wish("late", cost)
    queue.push(late, "late", cost)
    assert queue.order().index(late) <= 1


@given(st.integers(1, 30))
def test_who_was_away_gathers_no_right(rounds):
    queue = TurnQueue(1000)
    for _ in range(rounds):
        queue.push(wish := Wish("busy", 10), "busy", 10)
        assert queue.serve(wish)
    for number in range(4):
        queue.push(Wish("back", 10, number), "back", 10)
        queue.push(Wish("busy", 10, number), "busy", 10)
    callers = [wish.caller for wish in served(queue)]
    assert abs(callers[:4].count("back") - callers[:4].count("busy")) <= 2


def test_callers_take_turns():
    queue, _ = filled([("a", 1)] * 3 + [("b", 1)] * 3)
    assert [wish.caller for wish in served(queue)] == list("ababab")


def test_long_work_is_paid_for():
    queue, _ = filled([("long", 10)] * 2 + [("short", 1)] * 12)
    callers = [wish.caller for wish in served(queue)]
    assert callers.count("short") == 12
    assert callers[1:10] == ["short"] * 9, "ten short ones for a long one"


def test_what_ends_something_goes_first_and_is_paid_for():
    queue, _ = filled([("a", 5), ("b", 5)])
    queue.push(end := Wish("c", 5), "c", 5, ahead=True)
    assert queue.first() is end
    assert queue.serve(end)
    queue.push(later := Wish("c", 5), "c", 5)
    assert queue.order()[-1] is later


@given(ASKED, st.data())
def test_who_leaves_delays_nobody_and_keeps_the_order(asked, data):
    queue, wishes = filled(asked)
    if not wishes:
        return
    gone = data.draw(st.sampled_from(wishes))
    before = [wish for wish in queue.order() if wish is not gone]
    assert queue.withdraw(gone)
    after = queue.order()
    assert {id(wish) for wish in after} == {id(wish) for wish in before}
    for caller in "abcd":
        own = [wish.number for wish in after if wish.caller == caller]
        assert own == sorted(own)
    others = [wish for wish in after if wish.caller != gone.caller]
    assert others == [wish for wish in before if wish.caller != gone.caller]


def test_what_was_withdrawn_is_not_paid_for():
    queue, (first, second, other) = filled([("a", 10), ("a", 10), ("b", 10)])
    queue.withdraw(first)
    assert queue.order() == [second, other]


def test_what_does_not_wait_cannot_be_taken():
    queue, (wish,) = filled([("a", 1)])
    assert queue.serve(wish)
    assert not queue.serve(wish)
    assert not queue.withdraw(wish)
    assert queue.first() is None


def test_a_full_room_says_how_many_wait():
    queue, _ = filled([(str(n), 1) for n in range(8)], most=8)
    with pytest.raises(BusyError, match="8 questions") as caught:
        queue.push(Wish("new", 1), "new", 1)
    assert caught.value.waiting == 8
    assert len(queue) == 8


def test_one_caller_cannot_fill_the_room():
    queue, _ = filled([("hog", 1)] * 6, most=8)
    with pytest.raises(BusyError):
        queue.push(Wish("hog", 1), "hog", 1)
    queue.push(Wish("other", 1), "other", 1)
    queue.push(Wish("third", 1), "third", 1)
    assert len(queue) == 8


def test_a_room_of_one_has_room_for_one():
    queue, _ = filled([("a", 1)], most=1)
    with pytest.raises(BusyError):
        queue.push(Wish("b", 1), "b", 1)
    assert len(list(served(queue))) == 1


def test_callers_are_forgotten_when_nobody_waits():
    queue = TurnQueue(1000)
    for number in range(50):
        queue.push(wish := Wish(f"caller {number}", 5), f"caller {number}", 5)
        assert queue.serve(wish)
    assert not queue._finish


def test_callers_are_forgotten_while_others_wait():
    queue, _ = filled([("hog", 5)] * 400)
    for number in range(300):
        queue.push(Wish(f"caller {number}", 5), f"caller {number}", 5)
        assert queue.serve(queue.first())
    assert len(queue._finish) <= len({wish.caller for wish in queue.order()}) + 2


def test_a_stream_of_new_callers_starves_nobody():
    queue, wishes = filled([("patient", 5)] * 3)
    for number in range(20):
        queue.push(Wish(f"caller {number}", 5), f"caller {number}", 5)
        assert queue.serve(queue.first())
    assert not set(queue.order()) & set(wishes)
