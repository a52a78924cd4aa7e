"""How a worker is watched, and how it is doing."""

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["starting", "up", "down", "stopped"]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How patient the supervisor is; all in seconds."""

    start: float = 120.0
    """Longest time to load the files."""
    ping: float = 2.0
    """Between two looks at the worker."""
    pong: float = 10.0
    """Longest time without a sign of life. Computing never delays one."""
    grace: float = 15.0
    """How long after its deadline a request may still run."""
    longest: float = 900.0
    """For a request without a deadline."""
    wait: float = 10.0
    """How long a request waits for a worker that is being started."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """For status pages, logs and the audit."""

    status: Status = "starting"
    pid: int | None = None
    restarts: int = 0
    """Workers started after the first one that was ready."""
    since: float = 0.0
    """When this status began, in seconds since 1970."""
    last_error: str = ""
    """Why the last worker was lost or did not start."""
    rss_bytes: int | None = None
    """Memory it holds now."""

    def to_json(self) -> dict[str, Any]:
        """For the status of the device."""
        return {name: getattr(self, name) for name in self.__slots__}
