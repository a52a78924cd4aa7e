"""Where states of prefixes are kept: whatever reads and keeps contents by name.

A folder is the usual place. The model's own process may not write; it has another one.
"""

import logging
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sfta_edge.manifest import write_durably

log = logging.getLogger("sfta")
_NAME = re.compile(r"[0-9a-f]{64}\.state")
_MOST_FILES = 4
_MOST_BYTES = 1 << 30


class StateStore(Protocol):
    """Contents by name; for one thread that reads and one that keeps."""

    @property
    def most_bytes(self) -> int:
        """Longest content it takes."""

    @property
    def has_room(self) -> bool:
        """Whether another content would take nobody's place."""

    def has(self, name: str) -> bool:
        """Whether there is something under a name."""

    def read(self, name: str) -> bytes | None:
        """What was kept; None if it is not there. Whoever is read stays longest."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep a content, or not: it can be computed again."""

    def remove(self, name: str) -> None:
        """Forget what is damaged."""


def state_name(key: bytes) -> str:
    """The name of what belongs to a key."""
    return f"{key.hex()}.state"


def is_state_name(name: str) -> bool:
    """Whether `state_name` gives such names: no path, and no other file of a device."""
    return _NAME.fullmatch(name) is not None


class StateFolder:
    """Few files in one folder, each replaced in one step; a full disk loses nothing but time."""

    def __init__(self, folder: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        """The folder is made when it is needed."""
        self.folder, self.most_bytes = folder, most_bytes

    @property
    def has_room(self) -> bool:
        """Whether another content would take nobody's place."""
        return len(self._files()) < _MOST_FILES

    def has(self, name: str) -> bool:
        """Whether there is something under a name."""
        return (self.folder / name).exists()

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none that can be read."""
        path = self.folder / name
        try:
            if path.stat().st_size > self.most_bytes:
                return None
            content = path.read_bytes()
        except OSError:
            return None
        self.touch(name)
        return content

    def touch(self, name: str) -> None:
        """It was used: others make room before it does."""
        with suppress(OSError):
            os.utime(self.folder / name)

    def keep(self, name: str, content: bytes) -> None:
        """Write a file; the oldest one makes room."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(self.folder / name, content)
        except OSError as error:
            log.warning("the state of the prefix was not saved: %s", error)
        for path in self._files()[:-_MOST_FILES]:
            self.remove(path.name)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with suppress(OSError):
            (self.folder / name).unlink(missing_ok=True)

    def _files(self) -> Sequence[Path]:
        """The oldest first."""
        found = []
        for path in self.folder.glob("*.state"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.name, path))
        return [path for _, _, path in sorted(found)]
