"""One file on its way into the library."""

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document belongs and who may read it."""

    collection: str = ""
    access: str = ""
    """Groups, separated by commas, in alphabetical order; empty: everybody."""


@dataclass(frozen=True, slots=True)
class Job:
    """What was handed in, and how far it is; a job that is done stands for its document."""

    id: str
    name: str
    """Of the file, with the folders it was handed in with."""
    sha256: str
    bytes: int
    place: Place
    owner: str
    """Who handed it in."""
    document_id: str
    state: State
    step: str
    """What is being done: read, index, or nothing."""
    done: int
    total: int
    """Chunks that are indexed, of all."""
    error: str | None
    created: float
    """Seconds since 1970."""
    finished: float | None
    title: str
    media_type: str
    pages: int
    chunks: int

    def to_json(self) -> dict[str, Any]:
        """As the Edge API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "step": self.step,
            "done": self.done,
            "total": self.total,
            "error": self.error,
            "document_id": self.document_id if self.state == "done" else None,
            "created": self.created,
            "finished": self.finished,
        }
