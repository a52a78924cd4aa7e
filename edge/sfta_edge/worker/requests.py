"""Requests to whichever worker runs, asked again once if it is lost before it began to answer."""

import time
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from sfta_edge.generation import EngineDownError, Limits
from sfta_edge.worker import forms
from sfta_edge.worker.failures import FrameError, WorkerDownError
from sfta_edge.worker.frames import Frame
from sfta_edge.worker.supervisor import Supervisor

_END_SECONDS = 5.0


class Requests:
    """What the engine and the embedder ask a worker through. Threads share it.

    A worker that dies takes with it what others had asked of it. Who has read nothing yet need
    not notice: the request goes to the next worker, once, and within its time. More often would
    let one poisonous question end worker after worker.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        """The supervisor is started, and closed by whoever made it."""
        self._supervisor = supervisor

    def ask(self, name: str, facts: Mapping[str, Any] | None = None) -> Frame:
        """The result of a request.

        Raises:
            WorkerLostError: two workers ended over it, or no second one came.
            WorkerDownError: there is no worker.
            SftaError: as the worker says.
        """
        frame = None
        for frame in self.follow(name, facts or {}):  # noqa: B007 the last one is the result
            pass
        if frame is None:
            raise FrameError("the worker ended a request without a result")
        return frame

    def follow(
        self, name: str, facts: Mapping[str, Any], limits: Limits | None = None
    ) -> Generator[Frame, None, None]:
        """The parts of a request and its result, as they come. Close it to cancel.

        Text that has come cannot be taken back: if the worker is lost then, so is the rest.
        Raises as `ask`.
        """
        left = None if limits is None else limits.seconds_left
        due = time.monotonic() + (self._supervisor.options.longest if left is None else left)
        lost, began = None, False
        while True:
            try:
                with closing(self._attempt(name, facts, limits, due)) as replies:
                    for frame in replies:
                        began = began or "text" in frame.header
                        yield frame
            except WorkerDownError as error:
                raise lost or error from None
            except EngineDownError as error:
                if lost or began or _is_over(limits, due):
                    raise
                lost = error
            else:
                return

    def _attempt(
        self, name: str, facts: Mapping[str, Any], limits: Limits | None, due: float
    ) -> Generator[Frame, None, None]:
        # What is left of the time is told, so it is looked up for each attempt.
        told = {} if limits is None else {"limits": forms.limits_facts(limits)}
        connection = self._supervisor.connection(max(0.0, due - time.monotonic()))
        call = connection.begin(name, {**facts, **told}, due=due)
        try:
            with closing(call.replies(limits.cancel if limits else None)) as replies:
                yield from replies
        except EngineDownError:
            # A worker whose engine broke down says so, and ends right after.
            connection.ended.wait(_END_SECONDS)
            raise


def _is_over(limits: Limits | None, due: float) -> bool:
    interrupted = limits is not None and limits.interruption() is not None
    return interrupted or time.monotonic() >= due
