"""The files as they were handed in, each under the digest of its content."""

import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sfta_edge.library.disk_trouble import is_disk_trouble
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.refusals import DiskLowError, TooLargeError
from sfta_edge.manifest import sync_folder

_BLOCK_BYTES = 1 << 16
_SCRATCH = ".incoming"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HINT = "Remove documents or other files, or give the device a larger disk."


class Source(Protocol):
    """What a file is read from, piece by piece."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A file that lies on disk, and is not yet one of the originals."""

    scratch: Path
    sha256: str
    size: int
    head: bytes
    """The beginning of it."""


class Originals:
    """The folder of the files."""

    def __init__(self, folder: Path, limits: StoreLimits) -> None:
        """Make the folder if need be; what an interruption left half-written is removed."""
        self._folder = folder
        self._limits = limits
        self._numbers = itertools.count()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"{_SCRATCH}*"):
            left.unlink()

    def path(self, sha256: str) -> Path:
        """Where a file lies, if it is there."""
        if not _DIGEST.fullmatch(sha256):
            raise ValueError(f"no digest: {sha256!r}")
        return self._folder / sha256

    def free_bytes(self) -> int:
        """What can still be written."""
        return shutil.disk_usage(self._folder).free

    def require_space(self, wanted: int = 0) -> None:
        """Check that the reserve stays when `wanted` bytes more are written.

        Raises:
            DiskLowError: it would not.
        """
        if self.free_bytes() - wanted < self._limits.reserve_bytes:
            reserve = self._limits.reserve_bytes >> 20
            raise DiskLowError(
                f"the disk is nearly full; {reserve} MiB must stay free", hint=_HINT
            )

    def receive(self, source: Source, expected: int | None = None) -> Received:
        """Write a file to disk, in pieces; the caller keeps or drops it.

        Args:
            source: read until it gives nothing.
            expected: bytes that whoever sends it says there are; nobody is believed.

        Raises:
            TooLargeError: more bytes than one file may have.
            DiskLowError: they do not fit beside the reserve.
        """
        if expected is not None and expected > self._limits.file_bytes:
            raise self._too_large()
        self.require_space(expected or 0)
        scratch = self._folder / f"{_SCRATCH}.{os.getpid()}.{next(self._numbers)}"
        try:
            return self._written(source, scratch)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            if is_disk_trouble(error):
                raise disk_full() from error
            raise
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise

    def keep(self, received: Received) -> Path:
        """Give a file its name; it is on disk when this returns."""
        path = self.path(received.sha256)
        received.scratch.replace(path)
        sync_folder(self._folder)
        return path

    def drop(self, received: Received) -> None:
        """Remove a file that nobody wants."""
        received.scratch.unlink(missing_ok=True)

    def remove(self, sha256: str) -> None:
        """Remove an original; it need not be there."""
        self.path(sha256).unlink(missing_ok=True)

    def remove_others(self, needed: Callable[[str], bool]) -> None:
        """Remove files that no job or document needs: an interruption may leave one."""
        for path in list(self._folder.iterdir()):
            if _DIGEST.fullmatch(path.name) and not needed(path.name):
                path.unlink()

    def _written(self, source: Source, scratch: Path) -> Received:
        digest, size, head = hashlib.sha256(), 0, b""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(scratch, flags, 0o600), "wb") as out:
            while piece := source.read(_BLOCK_BYTES):
                size += len(piece)
                if size > self._limits.file_bytes:
                    raise self._too_large()
                if size % (_BLOCK_BYTES << 6) < _BLOCK_BYTES:
                    self.require_space()
                head = head or piece
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        return Received(scratch, digest.hexdigest(), size, head)

    def _too_large(self) -> TooLargeError:
        most = self._limits.file_bytes >> 20
        return TooLargeError(
            f"the file is larger than {most} MiB", hint="Split it, or hand in a smaller one."
        )


def disk_full() -> DiskLowError:
    """What to raise when the disk took nothing."""
    return DiskLowError("the disk is full", hint=_HINT)


def find_original(sha256: str, folders: Iterable[Path]) -> Path | None:
    """A file by the digest of its content, as ``<sha256>`` or ``<sha256>.*`` in one of them."""
    if not _DIGEST.fullmatch(sha256):
        return None
    for folder in folders:
        with suppress(OSError):
            for path in sorted([folder / sha256, *folder.glob(f"{sha256}.*")]):
                if path.is_file() and not path.is_symlink():
                    return path
    return None
