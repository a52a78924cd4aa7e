"""Takes an upload to disk, slice by slice, without believing anything about it.

A slice is one request: a server in front keeps a body before it hands it on, and must not be made
to keep gigabytes. A slice that has arrived is not sent again; one that was cut off leaves no trace.
What a power cut leaves is removed at the next start.
"""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.archive import BLOCK
from sfta_edge.library.disk_trouble import is_disk_trouble
from sfta_edge.library.originals import Source
from sfta_edge.library.refusals import DiskLowError, TooLargeError
from sfta_edge.manifest import MAX_MANIFEST_BYTES, sync_folder
from sfta_edge.updates.arrived import Arrived, announced, first_of, require_fitting
from sfta_edge.updates.refusals import NotNowError, UnusableUpdateError

SLICE_BYTES = 16 << 20
"""Longest body of one request."""
_LOOK_BYTES = MAX_MANIFEST_BYTES + 4 * BLOCK
"""Beginning of an archive in which the longest manifest and its signature stand."""
_BLOCK_BYTES = 1 << 16
_HINT = "Remove documents or other files, or give the device a larger disk."


@dataclass(frozen=True, slots=True)
class UpdateLimits:
    """What an upload may take."""

    most_bytes: int = 64 << 30
    """All files together."""
    reserve_bytes: int = 256 << 20
    """Free space that must stay."""
    slice_bytes: int = SLICE_BYTES
    look_bytes: int = _LOOK_BYTES
    """The signature is looked at when so much has arrived."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One request: bytes of a file, and where they belong."""

    name: str
    size: int
    """Of the whole file."""
    offset: int
    length: int


class Receiving:
    """The folder of the upload; one slice at a time."""

    def __init__(self, folder: Path, limits: UpdateLimits) -> None:
        """Remove what an interruption has left."""
        self.folder, self.limits = folder, limits
        self._files: dict[str, Arrived] = {}
        self._writing = threading.RLock()
        self.clear()

    @property
    def files(self) -> list[Arrived]:
        """What has arrived, in the order of the parts."""
        return sorted(self._files.values(), key=lambda one: one.number)

    @property
    def missing_bytes(self) -> int:
        """Announced, and not here yet."""
        return sum(one.size - one.received for one in self._files.values())

    def free_bytes(self) -> int:
        """What can still be written, beside the reserve."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free - self.limits.reserve_bytes

    def take(self, sent: Slice, source: Source, on_first: Callable[[Path], object]) -> None:
        """Write one slice.

        Args:
            sent: where it belongs.
            source: read until `sent.length` bytes have come.
            on_first: given the beginning of the archive, once, as soon as the manifest is there;
                raises if there is no use in sending the rest.

        Raises:
            NotNowError: another slice is being written, or this one does not follow.
            TooLargeError, DiskLowError, UnusableUpdateError: it is not taken.
        """
        if not self._writing.acquire(blocking=False):
            raise NotNowError("another part is being received", hint="Send one at a time.")
        try:
            file = self._place_for(sent)
            before = file.received
            self._append(file, sent, source)
            if file.is_first and before < self.limits.look_bytes <= file.received:
                on_first(file.path(self.folder))
        finally:
            self._writing.release()

    def first(self) -> Path:
        """What an installation begins with, when everything has arrived.

        Raises:
            UnusableUpdateError: something is missing.
        """
        return first_of(self._files.values()).path(self.folder)

    def clear(self) -> None:
        """Remove all files, when no slice is being written."""
        with self._writing:
            self._files = {}
            shutil.rmtree(self.folder, ignore_errors=True)

    def facts(self) -> list[dict[str, Any]]:
        """What was received, for the log."""
        return [
            {"name": one.name, "bytes": one.size, "sha256": one.sha256.hexdigest()}
            for one in self.files
        ]

    def _place_for(self, sent: Slice) -> Arrived:
        new = announced(sent.name, sent.size)
        require_fitting(new, self._files)
        file = self._files.get(sent.name, new)
        others = sum(one.size for one in self._files.values() if one is not file)
        if sent.size < 1 or others + sent.size > self.limits.most_bytes:
            raise TooLargeError(
                f"an update has at most {self.limits.most_bytes >> 20} MiB and is not empty"
            )
        if sent.offset != file.received:
            raise NotNowError(
                f"{file.received} bytes of {sent.name} are here; these begin at {sent.offset}",
                hint="Go on where the device has stopped.",
            )
        if sent.length < 1:
            raise UnusableUpdateError("this part is empty", hint="Say how long the body is.")
        if sent.length > sent.size - sent.offset:
            raise UnusableUpdateError(f"{sent.name} is longer than announced")
        if self.free_bytes() < sent.size - sent.offset:
            raise DiskLowError(
                f"{sent.name} does not fit: {max(0, self.free_bytes()) >> 20} MiB are free beside "
                f"the {self.limits.reserve_bytes >> 20} MiB that must stay",
                hint=_HINT,
            )
        self._files[sent.name] = file
        return file

    def _append(self, file: Arrived, sent: Slice, source: Source) -> None:
        path, digest, left = file.path(self.folder), file.sha256.copy(), sent.length
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(path, flags, 0o600), "wb") as out:
                out.truncate(file.received)  # of what a slice that was cut off has written
                out.seek(file.received)
                while left and (piece := source.read(min(left, _BLOCK_BYTES))):
                    digest.update(piece)
                    out.write(piece)
                    left -= len(piece)
                out.flush()
                if sent.offset + sent.length == file.size:
                    os.fsync(out.fileno())
        except OSError as error:
            if is_disk_trouble(error):
                raise DiskLowError("the disk is full", hint=_HINT) from error
            raise
        if left:
            raise UnusableUpdateError(
                f"{left} bytes of {sent.name} are missing", hint="Send this part again."
            )
        file.sha256, file.received = digest, file.received + sent.length
        sync_folder(self.folder)
