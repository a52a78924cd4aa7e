"""The queue: bounded, polite, and aware of an engine that hangs."""

import threading
import time

import pytest

from sfta_edge.errors import ConfigError
from sfta_edge.gate import BusyError, Gate


def test_all_places_can_be_taken_and_no_more():
    gate = Gate(2)
    gate.enter()
    gate.enter()
    with pytest.raises(BusyError) as caught:
        gate.enter()
    assert caught.value.retry_after >= 1
    assert gate.waiting == 2


def test_a_place_given_back_can_be_taken_again():
    gate = Gate(1)
    gate.enter().release()
    assert gate.waiting == 0
    gate.enter()


def test_a_place_is_given_back_once():
    gate = Gate(2)
    first, second = gate.enter(), gate.enter()
    first.release()
    first.release()
    assert gate.waiting == 1
    second.release()
    assert gate.waiting == 0


def test_threads_never_get_more_places_than_there_are():
    gate, most, refused = Gate(3), [], []
    start = threading.Barrier(12)

    def visit():
        start.wait()
        for _ in range(50):
            try:
                ticket = gate.enter()
            except BusyError:
                refused.append(1)
                continue
            most.append(gate.waiting)
            ticket.release()

    threads = [threading.Thread(target=visit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 3
    assert gate.waiting == 0


def test_quick_answers_shorten_the_advice_to_wait():
    gate = Gate(1)
    for _ in range(30):
        gate.enter().release()
    gate.enter()
    with pytest.raises(BusyError) as caught:
        gate.enter()
    assert caught.value.retry_after == 1


def test_a_question_that_takes_longer_than_any_may_is_noticed():
    gate = Gate(2, longest_seconds=10)
    ticket = gate.enter()
    assert not gate.stuck
    ticket.since = time.monotonic() - 100
    assert gate.stuck
    ticket.release()
    assert not gate.stuck


def test_without_a_deadline_nothing_is_too_long():
    gate = Gate(2)
    gate.enter().since = 0.0
    assert not gate.stuck


def test_a_queue_without_places_is_refused():
    with pytest.raises(ConfigError, match="place"):
        Gate(0)


def test_a_turn_comes_when_another_ends():
    gate = Gate(3, at_once=1)
    first, second, third = (gate.enter() for _ in range(3))
    assert [t.position for t in (first, second, third)] == [0, 1, 2]
    first.release()
    assert [t.position for t in (second, third)] == [0, 1]
    assert second.wait() == 0


def test_waiting_ends_after_the_time_given():
    gate = Gate(2, at_once=1)
    gate.enter()
    assert gate.enter().wait(0.01) == 1


def test_who_waits_is_woken_by_the_turn():
    gate = Gate(2, at_once=1)
    first, second = gate.enter("a"), gate.enter("b")
    found = []
    waiter = threading.Thread(target=lambda: found.append(second.wait(20)))
    waiter.start()
    first.release()
    waiter.join(20)
    assert found == [0]


def test_the_first_question_of_each_goes_before_the_second_of_any():
    gate = Gate(9, at_once=1)
    greedy = [gate.enter("greedy") for _ in range(4)]
    polite, late = gate.enter("polite"), gate.enter("late")
    assert [t.position for t in greedy] == [0, 3, 4, 5]
    assert (polite.position, late.position) == (1, 2)


def test_nobody_waits_for_ever_behind_those_who_come_later():
    gate = Gate(9, at_once=1)
    running, second = gate.enter("a"), gate.enter("a")
    for _ in range(5):
        newcomer = gate.enter("b")
        assert newcomer.position == 1
        running.release()
        running = newcomer
        if second.position == 0:
            break
        assert second.position == 1
    running.release()
    assert second.position == 0


def test_one_caller_cannot_take_all_places():
    gate = Gate(4, per_caller=2)
    gate.enter("a")
    gate.enter("a")
    with pytest.raises(BusyError, match="your questions") as caught:
        gate.enter("a")
    assert caught.value.position == 2
    gate.enter("b").release()
    gate.enter("b")


def test_a_full_queue_says_how_many_are_inside_and_counts_the_rounds():
    gate = Gate(4, at_once=1)
    for name in "abcd":
        gate.enter(name)
    with pytest.raises(BusyError, match="too many questions") as caught:
        gate.enter("e")
    assert caught.value.position == 4
    alone = Gate(1)
    alone.enter()
    with pytest.raises(BusyError) as short:
        alone.enter()
    assert caught.value.retry_after == 4 * short.value.retry_after


def test_who_leaves_while_waiting_lets_the_others_move_up():
    gate = Gate(3, at_once=1)
    gate.enter()
    impatient, patient = gate.enter("b"), gate.enter("c")
    impatient.release()
    assert patient.position == 1


def test_waiting_for_a_turn_is_no_hanging_engine():
    gate = Gate(2, at_once=1, longest_seconds=10)
    first, second = gate.enter(), gate.enter()
    second.since = time.monotonic() - 100
    assert not gate.stuck
    first.since = time.monotonic() - 100
    assert gate.stuck


@pytest.mark.parametrize("wrong", [{"at_once": 0}, {"per_caller": 0}, {"at_once": -1}])
def test_numbers_below_one_are_refused(wrong):
    with pytest.raises(ConfigError, match="place"):
        Gate(2, **wrong)


def test_many_callers_in_threads_are_all_served_and_never_too_many_at_once():
    gate, lock, now, most, served = Gate(40, at_once=2), threading.Lock(), [], [], []

    def ask(name):
        ticket = gate.enter(name)
        assert ticket.wait(60) == 0
        with lock:
            now.append(name)
            most.append(len(now))
        time.sleep(0.001)
        with lock:
            now.remove(name)
            served.append(name)
        ticket.release()

    threads = [threading.Thread(target=ask, args=(f"c{n % 5}",)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert max(most) <= 2
    assert len(served) == 40
    assert gate.waiting == 0
