"""Settings that hold for every test."""

import os

from hypothesis import settings

# A busy machine is no defect: a law has no time limit.
settings.register_profile("sfta", deadline=None)
settings.load_profile("sfta")


def pytest_configure(config):
    """Give each worker a core of its own, its children included.

    Threads of llama.cpp and torch spin while they wait for one another: two workers with two
    threads each would spend two cores on waiting.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def pytest_collection_modifyitems(items):
    """Files with slow tests first: begun last, one of them would keep a single worker."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
