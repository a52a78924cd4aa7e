"""Files of a bundle that are on the device already: in a slot, or left by an interrupted try.

They are linked into the new folder instead of being written again: an update is as large as what
changed, and a memory card lives longer. Nothing ever writes into a file of a slot.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import FileEntry, Manifest, sha256_file

_BEFORE = ".incoming-before"
_SLOTS = ("a", "b")


class PresentFiles:
    """Finds files by their digest; every one is hashed again before it is taken."""

    def __init__(self, root: Path, incoming: Path) -> None:
        """Look through the slots, and through what an interrupted try has left in `incoming`."""
        self.incoming = incoming
        """Where the new bundle is written; `start` makes it."""
        self._left = incoming.with_name(_BEFORE)
        self._paths: dict[str, Path] = {}
        for slot in (root / "slots" / name for name in _SLOTS):
            with suppress(IntegrityError):
                for entry in Manifest.read(slot).files:
                    self._paths[entry.sha256] = slot / entry.path

    def lists(self, entry: FileEntry) -> bool:
        """Whether the manifest of a slot lists the file: it will hardly take room."""
        return entry.sha256 in self._paths

    def start(self) -> None:
        """Make the folder for the new bundle; what was left there is looked at later."""
        if self.incoming.exists():
            shutil.rmtree(self._left, ignore_errors=True)
            self.incoming.rename(self._left)
        self.incoming.mkdir(parents=True)

    def adopt(self, entry: FileEntry) -> bool:
        """Link the file into the incoming folder, if it is here and whole."""
        for source in (self._left / entry.path, self._paths.get(entry.sha256)):
            if source is not None and _is(source, entry):
                target = self.incoming / entry.path
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(source, target)
                return True
        return False

    def close(self) -> None:
        """Remove what the interrupted try has left."""
        shutil.rmtree(self._left, ignore_errors=True)


def _is(path: Path, entry: FileEntry) -> bool:
    """Whether a file holds what the entry says; a damaged one does not."""
    try:
        if path.is_symlink() or path.stat().st_size != entry.size:
            return False
        return sha256_file(path)[0] == entry.sha256
    except OSError:
        return False
