"""How many threads share a computation, so that it is never much slower than with one.

llama.cpp's threads meet after every operation and spin until the last one arrives. With a core
each that pays; where another process takes one of the cores, all wait for the thread that lost it,
and two threads were measured up to a thousand times slower than one. Its thread pool's `poll`
bounds the waiting between computations, not at these meetings (docs/decisions/0014).

So threads share a computation only

- while the system's own counters say that the cores for it are idle,
- if what one thread takes is known from a batch not much smaller or larger, and
- for no longer than one thread would have needed, times two: then it is stopped and done again by
  one. After that, and wherever sharing was not faster over several batches, it is not tried for a
  while, twice as long each time.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_LOOK_EVERY = 0.25  # seconds
_LOOK_SOON = 0.05  # after a look that covered a longer time, in which others may have ended
_PATIENCE = 2.0
_SLACK = 0.05  # seconds that a stop may come late and be no sign of anything
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 120.0
_NEW = 0.3
_NEW_SHARED = 0.03  # a few batches that somebody was in the way of say little about the next
_HOPE = 0.75  # of one thread's time: what sharing is taken to need before it was measured
_ALIKE = 8  # times larger or smaller than a batch that was measured
_LOOKS, _BETWEEN_LOOKS = 4, 0.0005  # seconds
_RUNNABLE = re.compile(r"^procs_running (\d+)$", re.MULTILINE)
_SPARE = 0.35  # share of a core that others may use without being in the way


class BusyCores(Protocol):
    """What others do with the cores; None if that cannot be known."""

    def __call__(self) -> float | None:
        """Cores that other processes have used since the last call."""
        ...

    def waiting(self) -> int | None:
        """Threads of anybody else that have or want a core at this moment."""
        ...


class ThreadChoice:
    """Decides for one context, and learns what batches take."""

    def __init__(
        self,
        most: int,
        *,
        busy: BusyCores | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most`: threads that are worth sharing between on an idle machine."""
        self._most, self._clock = most, clock
        self._busy = busy or OtherProcesses(clock)
        self._alone: dict[int, float] = {}
        self._together: dict[int, float] = {}
        self._seconds: dict[int, float] = {}
        self._looked, self._others = clock(), float(most)
        self._look_after = _LOOK_SOON
        self._computed = clock()
        self._not_before, self._pause = 0.0, _FIRST_PAUSE

    def threads(self, tokens: int) -> int:
        """Threads for a batch of some tokens."""
        now = self._clock()
        if self._most == 1 or now < self._not_before or self._by_one(tokens) is None:
            return 1
        if now - self._looked >= self._look_after:
            self._looked = now
            others = self._busy()
            self._others = float(self._most) if others is None else others
            # What was seen is from before this work, if there was a pause.
            old = now - self._computed > _LOOK_SOON and self._others > _SPARE
            self._look_after = _LOOK_SOON if old else _LOOK_EVERY
            if old and (waiting := self._busy.waiting()) is not None:
                # They may have ended long ago. A moment says less than a time, but about now.
                self._others = min(self._others, float(waiting))
        return max(1, int(self._most - self._others + _SPARE))

    def patience(self, tokens: int) -> float:
        """Seconds after which sharing is given up."""
        return _PATIENCE * (self._by_one(tokens) or 0.0) + _SLACK

    def record(self, tokens: int, threads: int, seconds: float) -> None:
        """What a batch took, that has just ended."""
        self._computed = self._clock()
        _blend(self._seconds, tokens, seconds)
        if threads == 1:
            _blend(self._alone, tokens, seconds)
            return
        alone = self._by_one(tokens)
        if alone is not None:
            self._together.setdefault(tokens, _HOPE * alone)
        together = _blend(self._together, tokens, seconds, _NEW_SHARED)
        if alone is not None and together > alone:
            self.give_up()
        elif seconds < together:
            self._pause = max(_FIRST_PAUSE, self._pause / 2)

    def give_up(self) -> None:
        """Sharing did not pay: leave it for a while."""
        self._together.clear()
        self._not_before = self._clock() + self._pause
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def seconds(self, tokens: int) -> float | None:
        """What a batch of some tokens takes, as it is computed now; satisfies `StepSeconds`."""
        return self._seconds.get(tokens)

    def _by_one(self, tokens: int) -> float | None:
        """Seconds of one thread, at most; None: nothing that says much about it was measured.

        The last pieces of prompts have every size, each of them seldom. A batch takes no longer
        than a larger one, and less for each token than a smaller one; so what is far off says
        little, and costs patience where sharing does not pay.
        """
        near = [s for s in self._alone if tokens <= _ALIKE * s and s <= _ALIKE * tokens]
        if not near:
            return None
        nearest = min(near, key=lambda size: abs(size - tokens))
        return self._alone[nearest] * max(1.0, tokens / nearest)


class OtherProcesses:
    """The cores that everybody else uses, from Linux's counters."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, system: Path = Path("/proc/stat")
    ) -> None:
        self._clock, self._system = clock, system
        self._ticks = _ticks_per_second()
        self._last = self._read()

    def __call__(self) -> float | None:
        """Cores used by others since the last call; None where the system does not say."""
        before, self._last = self._last, self._read()
        if before is None or self._last is None:
            return None
        elapsed = self._last[0] - before[0]
        all_used, own_used = self._last[1] - before[1], self._last[2] - before[2]
        return max(0.0, (all_used - own_used) / elapsed) if elapsed > 0 else None

    def waiting(self) -> int | None:
        """Threads that have or want a core now, without the one that asks.

        The least of a few looks: who has just handed over the question is about to sleep.
        """
        least: int | None = None
        for look in range(_LOOKS):
            if look:
                time.sleep(_BETWEEN_LOOKS)
            try:
                found = _RUNNABLE.search(self._system.read_text())
            except OSError:
                return None
            if found is None:
                return None
            now = max(0, int(found[1]) - 1)
            least = now if least is None else min(least, now)
            if least == 0:
                break
        return least

    def _read(self) -> tuple[float, float, float] | None:
        """Now, and the seconds of computing so far: everybody's, and our own."""
        try:
            fields = [
                int(field) for field in self._system.read_text().split("\n", 1)[0].split()[1:]
            ]
        except (OSError, ValueError):
            return None
        if len(fields) < 8:
            return None
        idle = fields[3] + fields[4]
        used = (sum(fields[:8]) - idle) / self._ticks
        return self._clock(), used, time.process_time()


def _ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")


def _blend(known: dict[int, float], tokens: int, seconds: float, share: float = _NEW) -> float:
    before = known.get(tokens)
    known[tokens] = seconds if before is None else before + share * (seconds - before)
    return known[tokens]
