"""One writer at a time for the data of a device, whoever it is: a server, an ingest, a restore.

The lock is the kernel's (``flock``), so a process that dies lets go of it, power cut included, and
no lock is ever stale. Its file lies beside the folder, not in it, because a restore swaps the
folder. The words in the file only say who holds it.
"""

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sfta_edge.backup.swap import settle
from sfta_edge.errors import ConfigError

_MAX_HOLDER_BYTES = 1_000


class DataLock:
    """Keeps other writers out of a data folder: ``with DataLock(data, "serve"):``.

    A reader, and a hot backup, need no lock.
    """

    def __init__(self, data: Path, purpose: str) -> None:
        """Name the folder and the command; nothing is locked yet.

        Args:
            data: the folder; it does not have to be there yet, its parent is made if need be.
            purpose: what the holder does, for whoever has to wait: ``serve``, ``ingest``.
        """
        self._path = lock_file(data)
        self._data = data
        self._purpose = purpose
        self._handle: int | None = None

    def acquire(self) -> Self:
        """Take the lock at once or not at all, and finish what a cut-off restore left.

        Raises:
            ConfigError: another process, or another lock of this one, holds it; it is named. Or
                the file cannot be made.
        """
        if self._handle is not None:
            raise ConfigError(f"{self._data} is already locked by this {self._purpose}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot lock {self._data}: {error}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sign(handle)
        except BlockingIOError:
            holder = _holder(handle)
            os.close(handle)
            raise ConfigError(
                f"{self._data} is in use by {holder}",
                hint="Stop it first, or wait until it ends.",
            ) from None
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        try:
            settle(self._data)
        except BaseException:
            self.release()
            raise
        return self

    def release(self) -> None:
        """Let go; more than once is fine."""
        if self._handle is not None:
            # The file stays: if it were removed, two processes could hold two files of one name.
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _sign(self, handle: int) -> None:
        words = {"purpose": self._purpose, "pid": os.getpid(), "since": int(time.time())}
        with suppress(OSError):  # a full disk must not keep anybody from answering
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(words).encode(), 0)


def lock_file(data: Path) -> Path:
    """Where the lock of a data folder lies."""
    whole = data.absolute()
    return whole.with_name(f".{whole.name}.lock")


def _holder(handle: int) -> str:
    try:
        words = json.loads(os.pread(handle, _MAX_HOLDER_BYTES, 0))
        return f"sfta-edge {words['purpose']} (process {words['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another sfta-edge"
