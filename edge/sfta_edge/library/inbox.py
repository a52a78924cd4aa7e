"""A folder whose files are taken in by themselves.

A file that has not changed for a while is handed in and, when its job has ended, moved to
``done`` or ``failed`` in the same folder; beside a failed one lies a text that says why. After an
interruption a file is handed in once more, which is the job of the first time.
"""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import SftaError
from sfta_edge.library.job import ENDED
from sfta_edge.library.library import Library
from sfta_edge.library.refusals import DiskLowError, NotFoundError, QueueFullError

log = logging.getLogger("sfta_edge")
DONE, FAILED = "done", "failed"
_OWNER = "inbox"
_LEFT_OUT = (".part", ".crdownload", ".tmp", ".filepart", "~")


@dataclass(frozen=True, slots=True)
class _Seen:
    """How a file looked when it was last looked at."""

    size: int
    changed: int
    since: float


class Inbox:
    """Watches one folder by looking into it every few seconds."""

    def __init__(
        self,
        folder: Path,
        library: Library,
        *,
        quiet_seconds: float = 5.0,
        every_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the folder if need be; nothing is taken before `start` or `look`.

        Args:
            folder: what is put into it is for everybody who may ask.
            library: takes the files in.
            quiet_seconds: how long a file has to stay as it is.
            every_seconds: how long to wait between two looks.
            clock: tells time that never goes back.
        """
        self._folder = folder
        self._library = library
        self._quiet = quiet_seconds
        self._every = every_seconds
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._handed: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        for name in ("", DONE, FAILED):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def start(self) -> None:
        """Look again and again, in a thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sfta-inbox", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def look(self) -> None:
        """Look once: hand in what is complete, move away what has ended."""
        there = dict(self._files())
        for name in [name for name in self._seen if name not in there]:
            del self._seen[name]
        for name, found in there.items():
            if name in self._handed:
                self._settle(name)
            elif self._is_quiet(name, found):
                self._take(name)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.look()
            except OSError:
                log.exception("the folder %s cannot be read", self._folder)

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") or entry.name.endswith(_LEFT_OUT)
                if not hidden and entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False)

    def _is_quiet(self, name: str, found: os.stat_result) -> bool:
        now, before = self._clock(), self._seen.get(name)
        looks = (found.st_size, found.st_mtime_ns)
        if before is None or (before.size, before.changed) != looks:
            self._seen[name] = _Seen(*looks, now)
            return False
        return now - before.since >= self._quiet

    def _take(self, name: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(self._folder / name, flags)
            with os.fdopen(handle, "rb") as stream:
                if stat.S_ISREG(os.fstat(handle).st_mode):
                    self._handed[name] = self._library.submit(stream, name, owner=_OWNER).job.id
        except (DiskLowError, QueueFullError):
            return  # The next look tries again.
        except SftaError as error:
            self._move(name, FAILED, str(error))
        except OSError as error:
            log.warning("%s cannot be read: %s", name, error)

    def _settle(self, name: str) -> None:
        try:
            job = self._library.job(self._handed[name])
        except NotFoundError:
            del self._handed[name]
            return
        if job.state in ENDED:
            done = job.state == "done"
            self._move(name, DONE if done else FAILED, "" if done else job.error or job.state)

    def _move(self, name: str, where: str, reason: str) -> None:
        """Move a file away; one of the same name that lies there already goes."""
        self._handed.pop(name, None)
        self._seen.pop(name, None)
        target = self._folder / where / name
        (self._folder / name).replace(target)
        note = self._folder / FAILED / f"{name}.txt"
        if reason:
            note.write_text(f"{reason}\n", "utf-8")
        else:
            note.unlink(missing_ok=True)
