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
