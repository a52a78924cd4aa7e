"""How often one caller may ask: a bucket of permits that fills again at a steady rate."""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass

from sfta_edge.accounts.clock import Clock
from sfta_edge.accounts.refusals import RateError
from sfta_edge.errors import ConfigError

_PLACES = 4096


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of requests in a minute, and how many of them may come at once."""

    per_minute: float
    burst: int

    def __post_init__(self) -> None:
        if not (0 < self.per_minute < math.inf and self.burst >= 1):
            raise ConfigError(
                f"a rate is more than 0 in a minute and 1 at once, not {self.per_minute!r} "
                f"and {self.burst!r}"
            )


class Buckets:
    """One bucket for each caller. Safe for threads; holds a bounded number of buckets."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._full: OrderedDict[str, float] = OrderedDict()
        """When the bucket of a caller is full again, by uptime."""
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Take one permit.

        Raises:
            RateError: there is none; the error says when there will be.
        """
        # The generic cell rate algorithm: one number per caller says how empty the bucket is.
        interval, now = 60.0 / self._rate.per_minute, self._clock.read().uptime
        with self._lock:
            full = max(now, self._full.get(caller, now)) + interval
            wait = full - now - interval * self._rate.burst
            if wait > 1e-9:
                raise RateError("requests come too fast", max(1, math.ceil(wait)))
            self._full[caller] = full
            self._full.move_to_end(caller)
            while len(self._full) > _PLACES:
                self._full.popitem(last=False)
