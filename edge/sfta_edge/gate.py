"""Who may wait for the one engine, and what to tell the others.

A queue without a bound turns load into timeouts for everybody. Here a fixed number of
questions is admitted; the next one is told at once when to come back.
"""

import math
import threading
import time
from dataclasses import dataclass

from sfta_edge.errors import ConfigError, SftaError

_FIRST_GUESS_SECONDS = 5.0
_WEIGHT = 0.2  # of the newest duration in the running mean
_GRACE_SECONDS = 30.0


class BusyError(SftaError):
    """All places are taken; try again after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "too many questions are waiting", hint=f"Try again in {retry_after} seconds."
        )
        self.retry_after = retry_after


@dataclass(slots=True, eq=False)
class Ticket:
    """One admitted question; `release` gives the place back, once."""

    gate: "Gate"
    since: float

    def release(self) -> None:
        """Give the place back; later calls do nothing."""
        self.gate.leave(self)


class Gate:
    """A bounded number of places. Safe for threads."""

    def __init__(self, places: int, *, longest_seconds: float | None = None) -> None:
        """`longest_seconds`: how long one question may take before something is wrong."""
        if places < 1:
            raise ConfigError(f"a queue needs at least 1 place, not {places}")
        self.places = places
        self._longest = longest_seconds
        self._inside: set[Ticket] = set()
        self._mean = _FIRST_GUESS_SECONDS
        self._lock = threading.Lock()

    def enter(self) -> Ticket:
        """Take a place.

        Raises:
            BusyError: there is none.
        """
        with self._lock:
            if len(self._inside) >= self.places:
                raise BusyError(max(1, math.ceil(self._mean)))
            ticket = Ticket(self, time.monotonic())
            self._inside.add(ticket)
            return ticket

    def leave(self, ticket: Ticket) -> None:
        """Free a place."""
        with self._lock:
            if ticket not in self._inside:
                return
            # Waiting counts as well, so the mean overestimates under load: polite, and safe.
            took = time.monotonic() - ticket.since
            self._mean += _WEIGHT * (took - self._mean)
            self._inside.remove(ticket)

    @property
    def waiting(self) -> int:
        """Places taken."""
        with self._lock:
            return len(self._inside)

    @property
    def stuck(self) -> bool:
        """A question is inside for longer than any may take: the engine hangs."""
        if self._longest is None:
            return False
        oldest_allowed = time.monotonic() - self._longest - _GRACE_SECONDS
        with self._lock:
            return any(ticket.since < oldest_allowed for ticket in self._inside)
