"""How much time has passed, on a device whose clock may be wrong.

Devices without a battery boot in 1970 or at the time of their last shutdown, and jump when they
hear from a time server. So an age is measured by the time that the device has run, over all its
boots, and the calendar is asked only for the time in which it was off:

- Within one boot the calendar plays no part: it may jump in either direction.
- After a boot the age is what the calendar says, but at least the time that the device has run. A
  clock that was set back makes nothing younger than that.
- A clock that is ahead after a boot makes things older: they expire, which is the safe side, and
  are valid again when the clock is put right, because nothing is deleted for its age alone.
"""

import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clocks of the machine say."""

    boot: str
    """Which boot of the machine."""
    uptime: float
    """Seconds since that boot, time asleep included."""
    wall: float
    """Seconds since 1970, if the calendar is right."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the life of a device."""

    boot: str
    """Which boot of the machine."""
    running: float
    """Seconds that the device has run since its file was made, over all boots; see `Store.now`."""
    wall: float
    """Seconds since 1970, if the calendar is right."""

    def since(self, then: Self) -> float:
        """Seconds that have passed since an earlier moment; never negative."""
        ran = max(0.0, self.running - then.running)
        return ran if self.boot == then.boot else max(ran, self.wall - then.wall)


class Clock(Protocol):
    """What tells the time; tests have one that they turn themselves."""

    def read(self) -> Reading: ...


class DeviceClock:
    """The clocks of the machine; processes of one boot agree on the uptime."""

    def __init__(self) -> None:
        try:
            self._boot = _BOOT_ID.read_text("ascii").strip()
        except OSError:
            self._boot = uuid.uuid4().hex  # then a restart of the process counts as a boot

    def read(self) -> Reading:
        """What they say now."""
        kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return Reading(self._boot, time.clock_gettime(kind), time.time())
