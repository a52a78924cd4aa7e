"""Telling systemd that the server answers, and that it is still alive (sd_notify(3)).

Without systemd there is no socket to tell, and nothing happens.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_SOCKET = "NOTIFY_SOCKET"
_INTERVAL = "WATCHDOG_USEC"
_MICROSECONDS = 1_000_000
_OFTEN = 3  # times within the interval, so that one late beat is no failure


def is_supervised() -> bool:
    """Whether systemd has started this process and waits to hear of it."""
    return bool(os.environ.get(_SOCKET))


def tell(state: str) -> bool:
    """Send one state such as ``READY=1``; False if nobody listens."""
    address = os.environ.get(_SOCKET)
    if not address:
        return False
    # A leading @ stands for the null byte of Linux' abstract names.
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto(state.encode(), name)
        return True
    return False


class Heartbeat:
    """Tells the watchdog that all is well, as long as it is; `close` ends it.

    When `well` says no, or never returns, nothing is told, and systemd starts the service again.
    """

    def __init__(self, well: Callable[[], bool]) -> None:
        self._well = well
        self._ended = threading.Event()
        microseconds = os.environ.get(_INTERVAL, "")
        self.interval = int(microseconds) / _MICROSECONDS if microseconds.isdigit() else 0.0
        """Seconds that may pass without a sign of life; 0: nobody waits for one."""
        self._thread: threading.Thread | None = None
        if self.interval:
            self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
            self._thread.start()

    def close(self) -> None:
        """Say that the service ends, and stop."""
        tell("STOPPING=1")
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=self.interval)

    def _beat(self) -> None:
        while not self._ended.is_set():
            if self._well():
                tell("WATCHDOG=1")
            self._ended.wait(self.interval / _OFTEN)
