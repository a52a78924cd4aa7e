"""How fast a teacher is asked: limits per minute, pauses it asks for, waits between retries."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol

from sfta_edge.errors import ToolError

LONGEST_WAIT_SECONDS = 60.0
_WINDOW_SECONDS = 60.0


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds since a moment that stays the same."""

    def wall(self) -> float:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class StoppedError(ToolError):
    """The wait was given up because another request failed for good."""


class RateWindow:
    """At most so much in any sixty seconds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: deque[tuple[float, int]] = deque()
        self._total = 0

    def wait(self, amount: int, now: float) -> float:
        """Seconds until the amount may be taken; one larger than the limit waits for all."""
        self._forget(now)
        over = self._total + amount - self._limit
        if over <= 0 or not self._taken:
            return 0.0
        for when, taken in self._taken:
            over -= taken
            if over <= 0:
                return when + _WINDOW_SECONDS - now
        return self._taken[-1][0] + _WINDOW_SECONDS - now

    def take(self, amount: int, now: float) -> None:
        """Note what is taken."""
        self._taken.append((now, amount))
        self._total += amount

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0][0] + _WINDOW_SECONDS <= now:
            self._total -= self._taken.popleft()[1]


class Pace:
    """When the next request may go out. Used by the tasks of one event loop."""

    def __init__(
        self,
        clock: Clock,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        self._clock = clock
        self._requests = RateWindow(requests_per_minute) if requests_per_minute else None
        self._tokens = RateWindow(tokens_per_minute) if tokens_per_minute else None
        self._held_until = float("-inf")
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()

    async def turn(self, tokens: int) -> None:
        """Wait until a request of so many tokens may go out, first come, first served.

        Raises:
            StoppedError: `stop` was called.
        """
        async with self._turn:
            while (seconds := self._wait(tokens)) > 0:
                await self.nap(seconds)
            self._check()
            now = self._clock.now()
            if self._requests:
                self._requests.take(1, now)
            if self._tokens:
                self._tokens.take(tokens, now)

    def hold(self, seconds: float) -> None:
        """Let no request go out for a while: the endpoint has asked for it."""
        self._held_until = max(self._held_until, self._clock.now() + seconds)

    async def nap(self, seconds: float) -> None:
        """Wait, but no longer than until `stop`.

        Raises:
            StoppedError: `stop` was called.
        """
        self._check()
        waits = [
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._check()

    def stop(self) -> None:
        """End all waiting; what is on its way to the endpoint is not touched."""
        self._stopping.set()

    def _wait(self, tokens: int) -> float:
        now = self._clock.now()
        waits = [self._held_until - now]
        if self._requests:
            waits.append(self._requests.wait(1, now))
        if self._tokens:
            waits.append(self._tokens.wait(tokens, now))
        return max(waits)

    def _check(self) -> None:
        if self._stopping.is_set():
            raise StoppedError("asking was stopped")


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that an endpoint asks to wait for: a number, or a date by its clock or ours."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    until, now = _date(value), _date(headers.get("date"))
    return None if until is None else max(0.0, until - (wall if now is None else now))


def pause(attempt: int, asked: float | None) -> float:
    """Exponential back-off with jitter, never shorter than the endpoint asks for.

    No wait is longer than a minute: an endpoint cannot hang a run.
    """
    # Not a secret: spreads the retries of several requests.
    own = 2.0**attempt * (0.5 + random.random() / 2)
    return min(LONGEST_WAIT_SECONDS, max(own, asked or 0.0))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(0.0, value) if value == value and value != float("inf") else None  # noqa: PLR0124 NaN


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError):
        return None
