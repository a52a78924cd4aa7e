"""The first thing a worker says: that it is ready and what it has loaded, or why not."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sfta_edge.embedder import EmbedderIdentity
from sfta_edge.worker import forms
from sfta_edge.worker.failures import FrameError, WorkerDownError, failure_of
from sfta_edge.worker.frames import read_frame


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker has loaded."""

    name: str
    """What the model calls itself."""
    context_tokens: int
    embedder: EmbedderIdentity | None
    embedder_tokens: int
    """Tokens of a text that the embedder reads; 0 without one."""
    threads: int
    variant: str
    """Which CPU backend computes."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Read them.

        Raises:
            FrameError: facts of another form.
        """
        embedder = facts.get("embedder")
        return cls(
            forms.read(forms.text, facts.get("name")),
            forms.read(forms.count, facts.get("context_tokens")),
            None if embedder is None else forms.read(forms.identity_of, embedder),
            forms.read(forms.count, facts.get("embedder_tokens")),
            forms.read(forms.count, facts.get("threads")),
            forms.read(forms.text, facts.get("variant")),
        )

    @property
    def identity(self) -> tuple[object, ...]:
        """What may not change while somebody works with it."""
        return (self.name, self.context_tokens, self.embedder)


def await_ready(link: socket.socket, seconds: float) -> WorkerFacts:
    """Wait until a worker has loaded its files.

    Raises:
        SftaError: why it could not, in its own words.
        WorkerDownError: it ended, or took longer than `seconds`, without a word.
        FrameError: it said something else.
    """
    link.settimeout(seconds)
    try:
        frame = read_frame(link)
    except TimeoutError as error:
        raise WorkerDownError(f"the worker was not ready after {seconds:g} seconds") from error
    except OSError as error:
        raise WorkerDownError(f"the worker cannot be reached: {error}") from error
    if frame is None:
        raise WorkerDownError("the worker ended before it was ready")
    link.settimeout(None)
    if "failed" in frame.header:
        raise failure_of(frame.header["failed"])
    done = frame.header.get("done")
    if not isinstance(done, dict) or not isinstance(done.get("ready"), dict):
        raise FrameError("the worker did not begin with what it has loaded")
    return WorkerFacts.of(done["ready"])
