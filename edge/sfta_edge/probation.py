"""The time in which a new bundle has to prove itself, and what ends it.

After an update the bundle is on probation. It proves itself by serving for a while with a worker
that answers. A bundle that gives up, or that is started again and again without getting there (the
launcher counts), is left for the one before; user data lies outside of the slots and stays.

If the one before is damaged or gone, the present one stays: the state says why, and nothing is
tried again until it has served for a while or another bundle is installed.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sfta_edge.errors import SftaError
from sfta_edge.launcher import STARTS, STAYS, why_it_stays
from sfta_edge.slots import State, locked, read_state, rollback, write_state

PROVING_SECONDS = 300.0
"""How long a bundle has to serve."""
_LOOK_SECONDS = 5.0
log = logging.getLogger("sfta_edge.probation")


def mark_good(root: Path) -> State:
    """End the probation of the active bundle: it has proved itself."""
    with locked(root):
        state = read_state(root)
        if state.probation or state.stays:
            state = replace(state, probation="", stays="")
            write_state(root, state)
        _forget_starts(root)
        return state


def stay(root: Path, why: str) -> State:
    """End the probation of the active bundle though it did not prove itself; says why it stays."""
    with locked(root):
        state = replace(read_state(root), probation="", stays=why)
        write_state(root, state)
        _forget_starts(root)
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
        """Start watching, if the active bundle is on probation or only stays.

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
        state = _adopted(root)
        self._proving, self._stays = state.probation, bool(state.stays)
        if self._proving or self._stays:
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
            if read_state(self._root).probation != self._proving:
                return  # somebody went back, or installed another: this one is no longer judged
            if reason := self._failing():
                self._leave(reason)
                return
            if time.monotonic() - began >= self._seconds:
                mark_good(self._root)
                return

    def _leave(self, reason: str) -> None:
        if self._stays:
            return
        try:
            rollback(self._root, reason)
        except (SftaError, OSError) as error:
            # A bundle that fails, and quotes, is better than none.
            log.warning("%s, and it cannot be left: %s", reason, error)
            stay(self._root, f"{reason}; going back failed: {error}")
            return
        _forget_starts(self._root)
        self._on_failed(reason)


def _adopted(root: Path) -> State:
    """The state, with what the script noted while no program of the active bundle ran."""
    state = read_state(root)
    why = why_it_stays(root, state.probation)
    if not why:
        return state
    try:
        return stay(root, why)
    except (SftaError, OSError) as error:
        log.warning("it cannot be noted that the bundle stays: %s", error)
        return replace(state, stays=why)


def _forget_starts(root: Path) -> None:
    for name in (STARTS, STAYS):
        (root / name).unlink(missing_ok=True)
