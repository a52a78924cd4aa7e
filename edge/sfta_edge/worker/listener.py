"""Whoever is told of every status of the worker, in a thread of its own.

A listener that is slow, because it writes a log to a disk, does not delay the next worker; one
that fails does not end the watch.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from sfta_edge.worker.state import WorkerState

log = logging.getLogger(__name__)


class Listener:
    """Hands on every status, in order."""

    def __init__(self, on_change: Callable[[WorkerState], None] | None) -> None:
        """`on_change` is called by one thread; None: nobody listens."""
        self._on_change = on_change
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="worker-listener")

    def tell(self, state: WorkerState) -> None:
        """Hand on a status; returns at once."""
        if self._on_change is not None:
            self._thread.submit(self._on_change, state).add_done_callback(_fault_logged)

    def close(self) -> None:
        """Wait until everything was told; nothing may be told any more."""
        self._thread.shutdown()


def _fault_logged(done: "Future[None]") -> None:
    if error := done.exception():
        log.error("a status could not be handed on", exc_info=error)
