"""States of prefixes outlive the worker, which may read files but not write them.

Rules this module upholds:

- The worker sends what is to be kept; the process that started it writes the file, under a name
  that is a digest, in one folder, in one step. It looks at length and name, at nothing else: the
  worker checks what it reads, as it would check any file.
- Whatever a worker sends, no more than one content is held in memory and few lie in the folder.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sfta_edge.batching.state_files import StateFolder, is_state_name
from sfta_edge.worker.failures import FrameError
from sfta_edge.worker.frames import MAX_PAYLOAD_BYTES

log = logging.getLogger(__name__)

Send = Callable[[Mapping[str, Any], bytes], None]
KEEP, USED = "keep", "used"
"""Fields of a frame that belongs to no request: the name of what to keep, or of what was read."""


class SentStates:
    """The worker's store: it reads the folder, and sends what the folder should hold."""

    most_bytes = MAX_PAYLOAD_BYTES

    def __init__(self, folder: Path) -> None:
        """Nothing is kept until `connect`."""
        self._files = StateFolder(folder, most_bytes=self.most_bytes)
        self._damaged: set[str] = set()
        self._send: Send | None = None

    def connect(self, send: Send) -> None:
        """From now on, send through this."""
        self._send = send

    @property
    def has_room(self) -> bool:
        """Whether another content would take nobody's place."""
        return self._files.has_room

    def has(self, name: str) -> bool:
        """Whether there is something under a name that is not known to be damaged."""
        return name not in self._damaged and self._files.has(name)

    def read(self, name: str) -> bytes | None:
        """The content of a file."""
        content = self._files.read(name) if self.has(name) else None
        if content is not None and self._send is not None:
            self._send({"id": 0, USED: name}, b"")
        return content

    def keep(self, name: str, content: bytes) -> None:
        """Send a content."""
        if self._send is not None:
            self._send({"id": 0, KEEP: name}, content)
            self._damaged.discard(name)

    def remove(self, name: str) -> None:
        """Look at it no more, until another is kept."""
        self._damaged.add(name)


class StateKeeper:
    """Writes what workers send, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when it is needed."""
        self._files = StateFolder(folder, most_bytes=MAX_PAYLOAD_BYTES)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="worker-states")
        self._busy = threading.Lock()

    def take(self, header: Mapping[str, Any], content: bytes) -> None:
        """Take a frame of a worker; never waits for the disk.

        Raises:
            FrameError: it says neither what to keep nor what was used.
        """
        said = {KEEP, USED} & set(header)
        name = header[min(said)] if len(said) == 1 else None
        if not isinstance(name, str) or not is_state_name(name):
            raise FrameError("the worker sent a state under a name that is none")
        if USED in said:
            self._files.touch(name)
        elif self._busy.acquire(blocking=False):
            self._writer.submit(self._write, name, content)
        else:
            log.info("a state was not kept: the one before it is still being written")

    def close(self) -> None:
        """Finish writing; nothing may be taken any more."""
        self._writer.shutdown()

    def _write(self, name: str, content: bytes) -> None:
        try:
            self._files.keep(name, content)
        finally:
            self._busy.release()
