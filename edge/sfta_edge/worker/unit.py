"""A worker that runs as a service of its own, reached through a UNIX socket."""

import socket
import struct
from contextlib import suppress
from pathlib import Path

from sfta_edge.worker.failures import WorkerDownError

_CONNECT_SECONDS = 5.0
_CREDENTIALS = struct.Struct("3i")  # process, user, group: unix(7), SO_PEERCRED


class Unit:
    """A connection to a worker that somebody else starts, stops and restarts."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            WorkerDownError: nothing listens there.
        """
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.link.settimeout(_CONNECT_SECONDS)
            self.link.connect(str(path))
            raw = self.link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError as error:
            self.link.close()
            raise WorkerDownError(
                f"no worker listens at {path}: {error}",
                hint="Start its service and look at its log.",
            ) from error
        self.pid: int = _CREDENTIALS.unpack(raw)[0]
        self.resident_bytes: int | None = None
        """Another service's memory is its own matter."""

    def kill(self) -> None:
        """Leave the connection; the service itself belongs to the system."""
        with suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)

    def end(self) -> str:
        """Close the connection."""
        self.kill()
        self.link.close()
        return "its service closed the connection"
