"""Connections that make no headway: they end, so that they keep no others out.

Rules this module upholds:

- The head of a request comes whole within a time; its body, and what is answered, pass at a rate
  that the slowest line has. waitress alone waits for ever: a client that sends or reads a byte now
  and then is never idle, and one that reads nothing is never closed.
- When the house is full, the connection that has been without a whole request for longest goes;
  whoever waits for an answer, or is sending a file that was admitted, stays.
"""

import time
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel


@dataclass(frozen=True, slots=True)
class Patience:
    """How slow a client may be; the defaults are those of Apache's mod_reqtimeout."""

    seconds: float = 20.0
    """For the head of a request; and between two looks at how much has passed."""
    bytes_a_second: float = 500.0
    """Of a body, or of an answer that waits to be sent."""
    connections: int = 128


class _Headway:
    """Whether a count that grows has grown enough since the look before."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._count = 0

    def rest(self) -> None:
        """Nothing has to move now."""
        self._since = None

    def is_slow(self, count: int, seconds: float, least: float) -> bool:
        """Whether fewer than `least` were added in `seconds`; the first call begins."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._count = now, count
        if now - self._since < seconds:
            return False
        slow = count - self._count < least
        self._since, self._count = now, count
        return slow


class TimedChannel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """A connection of which the loop asks, each time it turns, whether it makes headway."""

    adj: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.patience: Patience = getattr(arguments[0], "patience", Patience())
        self._head, self._body, self._answer = _Headway(), _Headway(), _Headway()
        self._sent = 0
        self.resting_since = time.monotonic()
        """Since when no request of this connection has been answered."""
        super().__init__(*arguments, **named)

    def add_channel(self, map: Any = None) -> None:  # noqa: A002 waitress's name
        """A new connection; if there are too many, another one goes."""
        super().add_channel(map)
        others = [
            c for c in self._map.values() if isinstance(c, TimedChannel) and c is not self
        ]
        if len(others) >= self.patience.connections:
            resting = [channel for channel in others if channel.gives_way]
            if resting:
                min(resting, key=lambda channel: channel.resting_since).handle_close()

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002 same
        """Send what the client takes."""
        sent: int = super().send(data, do_close)
        self._sent += sent
        return sent

    def close(self) -> None:
        """Close as for a client that left: whoever writes to it is told, and no file stays open."""
        self.handle_close()

    def handle_close(self) -> None:
        """Let go of the connection, and of what came of a request."""
        super().handle_close()
        if self.request is not None:
            self.request.close()

    def readable(self) -> bool:
        """Whether more is to be read; called each time the loop turns."""
        if self.socket is None:
            return False
        if self.requests or self.total_outbufs_len:
            self.resting_since = time.monotonic()
        if self._answer_is_stuck():
            self.handle_close()
            return False
        if self._request_is_stuck():
            self.refuse_late()
        return bool(super().readable())

    def writable(self) -> bool:
        """Whether something is to be sent; what was closed must not be waited for."""
        return self.socket is not None and bool(super().writable())

    def handle_write(self) -> None:
        """Send what waits, unless the loop has closed the connection since it looked."""
        if self.socket is not None:
            super().handle_write()

    @property
    def is_awaited(self) -> bool:
        """Whether the client has to send now: it is not this device that waits."""
        return self.request is not None and not self.requests

    @property
    def gives_way(self) -> bool:
        """Whether the connection may be closed for the sake of another."""
        return not self.requests and not self.total_outbufs_len

    def refuse_late(self) -> None:
        """End a request that does not arrive."""
        self.handle_close()

    def _answer_is_stuck(self) -> bool:
        if not self.total_outbufs_len:
            self._answer.rest()
            return False
        seconds = self.patience.seconds
        return self._answer.is_slow(self._sent, seconds, seconds * self.patience.bytes_a_second)

    def _request_is_stuck(self) -> bool:
        request, seconds = self.request, self.patience.seconds
        if request is None or not self.is_awaited:
            self._head.rest()
            self._body.rest()
            return False
        if not request.headers_finished:
            return self._head.is_slow(0, seconds, 1)
        self._head.rest()
        received = request.body_bytes_received
        return self._body.is_slow(received, seconds, seconds * self.patience.bytes_a_second)
