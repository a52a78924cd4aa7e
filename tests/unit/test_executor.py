"""A map gives its results in the order of its records, wherever it runs."""

import os
import threading
import time

import pytest

from sfta.core.executor import LocalExecutor, executor_of
from sfta.core.stage import Runtime
from sfta_edge.errors import ConfigError, MissingDependencyError


def test_results_come_in_the_order_of_the_records():
    def slow_first(number):
        time.sleep(0.05 if number == 0 else 0)
        return number * 2

    assert list(LocalExecutor(4).map(slow_first, range(8))) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_no_records_are_no_results():
    assert list(LocalExecutor(2).map(str, [])) == []


def test_calls_run_beside_each_other_and_no_more_than_that():
    together = threading.Barrier(3)
    running, most = set(), []

    def call(number):
        running.add(number)
        most.append(len(running))
        together.wait(timeout=60)
        running.discard(number)

    list(LocalExecutor(3).map(call, range(6)))
    assert max(most) == 3


def test_the_first_error_ends_the_map():
    started = []

    def fails(number):
        started.append(number)
        if number == 1:
            raise ConfigError("one is too many")
        time.sleep(0.05)
        return number

    results = LocalExecutor(1).map(fails, range(100))
    assert next(results) == 0
    with pytest.raises(ConfigError, match="one is too many"):
        next(results)
    assert len(started) < 100


def test_a_map_that_nobody_reads_on_stops():
    started = []

    def call(number):
        started.append(number)
        time.sleep(0.05)

    results = LocalExecutor(1).map(call, range(100))
    next(results)
    results.close()
    count = len(started)
    time.sleep(0.2)
    assert len(started) == count < 100


def test_the_runtime_says_how_wide_a_map_is():
    cores = len(os.sched_getaffinity(0))
    assert executor_of(Runtime()).width == cores
    assert executor_of(Runtime(workers=3)).width == 3
    assert executor_of(Runtime(workers=3), waiting=16).width == 16
    assert executor_of(Runtime()).threads is None


def test_ray_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="--executor ray needs Ray") as error:
        executor_of(Runtime(executor="ray"))
    assert error.value.hint == "Run `pip install 'sfta[ray]'`."
