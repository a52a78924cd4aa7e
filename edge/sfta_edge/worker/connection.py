"""The caller's side of a connection: many calls at once over one socket.

Rules this module upholds:

- Every call ends: with its result, with the error of the worker, or with `WorkerLostError`.
- A call that nobody listens to any more is cancelled in the worker.
- Only what the worker was asked for is taken from it; anything else ends the connection.
"""

import itertools
import queue
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import Any

from sfta_edge.worker.failures import FrameError, WorkerLostError, failure_of
from sfta_edge.worker.frames import Frame, frame_bytes, read_frame

PARTS = frozenset({"text", "place"})
"""What comes before a result: a piece of text, or how many are served before."""
Keep = Callable[[Mapping[str, Any], bytes], None]
"""Takes header and payload of a frame; raises `FrameError` if it is none of its kind."""
_LOOK_SECONDS = 0.05  # how soon a caller's cancellation is noticed
_RETRY = "Ask again: the worker is started anew."


class Call:
    """One request and what comes back for it."""

    def __init__(self, connection: "Connection", number: int, due: float | None) -> None:
        self.connection, self.number, self.due = connection, number, due
        self.incoming: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()

    def replies(self, cancel: threading.Event | None = None) -> Generator[Frame, None, None]:
        """The parts as they come, and last the result. Close it to cancel the call.

        Args:
            cancel: when set, the worker is told; the result still comes.

        Raises:
            WorkerLostError: the worker ended before the call did.
            SftaError: as the worker says.
        """
        finished = False
        try:
            while not finished:
                frame = self._next(cancel)
                finished = not PARTS & set(frame.header)
                if "failed" in frame.header:
                    raise failure_of(frame.header["failed"])
                yield frame
        finally:
            self.connection.forget(self, cancel=not finished)

    def result(self, seconds: float | None = None) -> Frame:
        """The result of a call that has no parts.

        Raises:
            TimeoutError: it did not come in time.
            WorkerLostError, SftaError: as `replies`.
        """
        finished = False
        try:
            frame = self._received(seconds)
            finished = True
        finally:
            self.connection.forget(self, cancel=not finished)
        if "failed" in frame.header:
            raise failure_of(frame.header["failed"])
        return frame

    def _next(self, cancel: threading.Event | None) -> Frame:
        while cancel is not None:
            if cancel.is_set():
                self.connection.cancel(self)
                break
            with suppress(TimeoutError):
                return self._received(_LOOK_SECONDS)
        return self._received(None)

    def _received(self, seconds: float | None) -> Frame:
        try:
            frame = self.incoming.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        if frame is None:
            raise WorkerLostError(
                f"the model's process ended while it worked on this: {self.connection.reason}",
                hint=_RETRY,
            )
        return frame


class Connection:
    """A connection to a worker that said it is ready. Threads share it."""

    def __init__(self, link: socket.socket, keep: Keep | None = None) -> None:
        """Read what comes.

        `keep` takes what belongs to no request; without it nothing of that kind is expected.
        """
        self._link, self._keep = link, keep
        self.answered = False
        """Whether a request was answered: it did more than start."""
        self.ended = threading.Event()
        """Set when nothing comes any more."""
        self.reason = ""
        """Why it ended."""
        self._calls: dict[int, Call] = {}
        self._numbers = itertools.count(1)
        self._highest = 0
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._reader = threading.Thread(target=self._read, name="worker-replies", daemon=True)
        self._reader.start()

    def begin(
        self, name: str, facts: Mapping[str, Any] | None = None, *, due: float | None = None
    ) -> Call:
        """Send a request.

        Args:
            name: what to do.
            facts: further fields.
            due: when the result has to be there; see `overdue`.

        Raises:
            FrameError: too long to be sent.
            WorkerLostError: the connection has ended.
        """
        with self._lock:
            number = self._highest = next(self._numbers)
        raw = frame_bytes(Frame({**(facts or {}), "do": name, "id": number}))
        call = Call(self, number, due)
        with self._lock:
            if self.ended.is_set():
                raise WorkerLostError(
                    f"the model's process has ended: {self.reason}", hint=_RETRY
                )
            self._calls[number] = call
        self._send(raw)
        return call

    def cancel(self, call: Call) -> None:
        """Tell the worker that the result of a call is not needed."""
        if not self.ended.is_set():
            self._send(frame_bytes(Frame({"do": "cancel", "id": call.number})))

    def forget(self, call: Call, *, cancel: bool) -> None:
        """Nobody listens to a call any more."""
        with self._lock:
            known = self._calls.pop(call.number, None)
        if cancel and known is not None:
            self.cancel(call)

    def overdue(self) -> float:
        """Seconds since a result should have been there; 0 if all is well."""
        now = time.monotonic()
        with self._lock:
            return max(
                (now - c.due for c in self._calls.values() if c.due is not None), default=0
            )

    def close(self, reason: str) -> None:
        """End it, and with it all calls."""
        self._end(reason)
        if threading.current_thread() is not self._reader:
            self._reader.join()
        self._link.close()

    def _send(self, raw: bytes) -> None:
        # A failure shows where the replies are read, as the end of all calls.
        with self._sending, suppress(OSError):
            self._link.sendall(raw)

    def _read(self) -> None:
        reason = "it closed the connection"
        try:
            while frame := read_frame(self._link):
                self._take(frame)
        except (FrameError, OSError) as error:
            reason = str(error)
        self._end(reason)

    def _take(self, frame: Frame) -> None:
        number = frame.header.get("id")
        if number == 0 and self._keep is not None:
            self._keep(frame.header, frame.payload)
            return
        if not isinstance(number, int) or not 1 <= number <= self._highest:
            raise FrameError("the worker answered what it was not asked")
        if len({*PARTS, "done", "failed"} & set(frame.header)) != 1:
            raise FrameError("the worker sent neither a part nor a result")
        self.answered = self.answered or "done" in frame.header
        with self._lock:
            call = self._calls.get(number)
        # None: the caller has gone away, and the worker did not know yet.
        if call is not None:
            call.incoming.put(frame)

    def _end(self, reason: str) -> None:
        with self._lock:
            self.reason = self.reason or reason
            self.ended.set()
            calls, self._calls = list(self._calls.values()), {}
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        for call in calls:
            call.incoming.put(None)
