"""One installation or rollback on its way, as the page shows it."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from sfta_edge.updates.refusals import CancelledError

JobState = Literal["checking", "testing", "done", "refused", "cancelled"]
RUNNING: frozenset[JobState] = frozenset({"checking", "testing"})


@dataclass(slots=True)
class UpdateJob:
    """What is being done, for whom, and how far it is."""

    kind: Literal["install", "rollback"]
    user: str
    total: int = 0
    """Bytes to be read; 0 where nobody counts."""
    done: int = 0
    state: JobState = "checking"
    error: str = ""
    hint: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """There is no outcome yet."""
        return self.state in RUNNING

    def told(self, count: int) -> None:
        """More bytes were written.

        Raises:
            CancelledError: nobody wants them any more.
        """
        self.done = min(self.done + count, self.total)
        if self.stopped.is_set():
            raise CancelledError("the update was cancelled")

    def to_json(self) -> dict[str, Any]:
        """For the Edge API."""
        return {
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "error": self.error,
            "hint": self.hint,
        }
