"""Whoever is told of the worker's states neither delays nor ends the watch."""

import threading

from sfta_edge.worker.listener import Listener
from sfta_edge.worker.state import WorkerState


def test_a_slow_listener_delays_nobody_and_hears_all_in_order():
    gate, heard = threading.Event(), []

    def hear(state):
        gate.wait(60)
        heard.append(state.restarts)

    listener = Listener(hear)
    for number in range(20):
        listener.tell(WorkerState(restarts=number))
    assert heard == []
    gate.set()
    listener.close()
    assert heard == list(range(20))


def test_a_listener_that_fails_is_told_the_next_one_too(caplog):
    heard = []

    def fail(state):
        heard.append(state.status)
        raise ZeroDivisionError

    listener = Listener(fail)
    listener.tell(WorkerState("up"))
    listener.tell(WorkerState("down"))
    listener.close()
    assert heard == ["up", "down"]
    assert caplog.text.count("could not be handed on") == 2
    assert "ZeroDivisionError" in caplog.text


def test_without_a_listener_no_thread_is_started():
    before = threading.active_count()
    listener = Listener(None)
    listener.tell(WorkerState("up"))
    assert threading.active_count() == before
    listener.close()
    listener.close()
