"""The time in which a new bundle has to prove itself, and what ends it.

After an update the bundle is on probation. It proves itself by serving for a while with a worker
that answers. A bundle that gives up, or that is started again and again without getting there (the
launcher counts), is left for the one before; user data lies outside of the slots and stays.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sfta_edge.errors import ConfigError
from sfta_edge.launcher import STARTS
from sfta_edge.slots import State, locked, read_state, rollback, write_state

PROVING_SECONDS = 300.0
"""How long a bundle has to serve."""
_LOOK_SECONDS = 5.0


def mark_good(root: Path) -> State:
    """End the probation of the active bundle: it has proved itself."""
    with locked(root):
        state = read_state(root)
        if state.probation:
            state = replace(state, probation="")
            write_state(root, state)
        (root / STARTS).unlink(missing_ok=True)
        return state


class Probation:
    """Watches a bundle that serves; `close` ends the watching without a verdict."""

    def __init__(
        self,
        root: Path,
        failing: Callable[[], str],
        on_failed: Callable[[str], None],
        *,
        seconds: float = PROVING_SECONDS,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        """Start watching, if the active bundle is on probation.

        Args:
            root: the installation.
            failing: why the bundle cannot answer; empty while it can.
            on_failed: called once, with the reason, after the rollback: the server has to end.
            seconds: how long it has to serve without failing.
            look_seconds: how often it is looked at.
        """
        self._root, self._failing, self._on_failed = root, failing, on_failed
        self._seconds, self._look = seconds, look_seconds
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if read_state(root).probation:
            self._thread = threading.Thread(target=self._watch, daemon=True, name="probation")
            self._thread.start()

    @property
    def watching(self) -> bool:
        """There is no verdict yet."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(self._look):
            if reason := self._failing():
                self._leave(reason)
                return
            if time.monotonic() - began >= self._seconds:
                mark_good(self._root)
                return

    def _leave(self, reason: str) -> None:
        try:
            rollback(self._root, reason)
        except ConfigError:
            # There is nothing to go back to: a bundle that fails is better than none.
            return
        (self._root / STARTS).unlink(missing_ok=True)
        self._on_failed(reason)
