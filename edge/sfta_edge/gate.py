"""Who may wait for the engine, whose turn it is, and what to tell the others.

A queue without a bound turns load into timeouts for everybody. Here a fixed number of questions
is admitted; the next one is told at once when to come back.

Callers take turns: the first question of each goes before the second of any. Whoever asks ten
questions at once waits for those who ask one, and never holds more than a share of the places.
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

    def __init__(self, retry_after: int, position: int = 0, *, own: bool = False) -> None:
        """`position`: how many are inside. `own`: all places that this caller may hold."""
        super().__init__(
            "too many of your questions are waiting"
            if own
            else "too many questions are waiting",
            hint=f"Try again in {retry_after} seconds.",
        )
        self.retry_after, self.position = retry_after, position


@dataclass(slots=True, eq=False)
class Ticket:
    """One admitted question; `release` gives the place back, once."""

    gate: "Gate"
    since: float
    """When it entered; once its turn has come: when that was."""
    caller: str = ""

    @property
    def position(self) -> int:
        """How many questions are answered before this one's turn, itself included; 0: now."""
        return self.gate.position(self)

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the turn, at most so long; returns the position then."""
        return self.gate.wait(self, seconds)

    def release(self) -> None:
        """Give the place back; later calls do nothing."""
        self.gate.leave(self)


class Gate:
    """A bounded number of places. Safe for threads."""

    def __init__(
        self,
        places: int,
        *,
        longest_seconds: float | None = None,
        at_once: int | None = None,
        per_caller: int | None = None,
    ) -> None:
        """An empty queue.

        Args:
            places: questions answered or waiting.
            longest_seconds: how long one question may take before something is wrong.
            at_once: questions whose turn it is at the same time; default: all.
            per_caller: places that one caller may hold; default: all.

        Raises:
            ConfigError: a number below 1.
        """
        for number in (places, at_once, per_caller):
            if number is not None and number < 1:
                raise ConfigError(f"a queue needs at least 1 place, not {number}")
        self.places = places
        self._at_once, self._per_caller = at_once or places, per_caller or places
        self._longest = longest_seconds
        self._waiting: list[Ticket] = []
        """In the order of arrival."""
        self._turns: list[Ticket] = []
        self._mean = _FIRST_GUESS_SECONDS
        self._changed = threading.Condition()

    def enter(self, caller: str = "") -> Ticket:
        """Take a place.

        Args:
            caller: who asks; callers without a name are one.

        Raises:
            BusyError: there is none, or the caller holds as many as one may.
        """
        with self._changed:
            inside = len(self._waiting) + len(self._turns)
            held = self._held(caller)
            if inside >= self.places or held >= self._per_caller:
                own = inside < self.places
                rounds = max(1, math.ceil((inside - len(self._turns) + 1) / self._at_once))
                raise BusyError(max(1, math.ceil(self._mean * rounds)), inside, own=own)
            ticket = Ticket(self, time.monotonic(), caller)
            self._waiting.append(ticket)
            self._give_turns()
            return ticket

    def position(self, ticket: Ticket) -> int:
        """See `Ticket.position`."""
        with self._changed:
            return self._position(ticket)

    def wait(self, ticket: Ticket, seconds: float | None = None) -> int:
        """See `Ticket.wait`."""
        with self._changed:
            self._changed.wait_for(lambda: self._position(ticket) == 0, seconds)
            return self._position(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Free a place."""
        with self._changed:
            if ticket in self._turns:
                took = time.monotonic() - ticket.since
                self._mean += _WEIGHT * (took - self._mean)
                self._turns.remove(ticket)
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
            else:
                return
            self._give_turns()
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Places taken."""
        with self._changed:
            return len(self._waiting) + len(self._turns)

    @property
    def stuck(self) -> bool:
        """A question's turn lasts for longer than any may: the engine hangs."""
        if self._longest is None:
            return False
        oldest_allowed = time.monotonic() - self._longest - _GRACE_SECONDS
        with self._changed:
            return any(ticket.since < oldest_allowed for ticket in self._turns)

    def _held(self, caller: str) -> int:
        return sum(t.caller == caller for t in (*self._waiting, *self._turns))

    def _position(self, ticket: Ticket) -> int:
        ordered = self._ordered()
        return ordered.index(ticket) + 1 if ticket in ordered else 0

    def _ordered(self) -> list[Ticket]:
        """Those that wait, in the order of their turns."""
        before: dict[str, int] = {}
        for ticket in self._turns:
            before[ticket.caller] = before.get(ticket.caller, 0) + 1
        rounds = list[tuple[int, int, Ticket]]()
        for arrival, ticket in enumerate(self._waiting):
            own = before.get(ticket.caller, 0)
            before[ticket.caller] = own + 1
            rounds.append((own, arrival, ticket))
        return [ticket for _, _, ticket in sorted(rounds, key=lambda each: each[:2])]

    def _give_turns(self) -> None:
        while self._waiting and len(self._turns) < self._at_once:
            ticket = self._ordered()[0]
            self._waiting.remove(ticket)
            ticket.since = time.monotonic()
            self._turns.append(ticket)
