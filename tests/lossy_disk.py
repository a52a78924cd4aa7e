"""A disk that loses what was not synced: what it would hold after a power cut at this moment.

The model is the strictest that POSIX allows. The content of a file is on the disk as it was at its
last fsync, or empty; a name in a folder is there as it was at the folder's last fsync. A real
file system keeps more; whoever is right here is right there.
"""

import os
import stat
from pathlib import Path


class LossyDisk:
    """Watches a folder through the calls of fsync that are reported to it."""

    def __init__(self, root):
        self.root = root
        self.syncs = 0
        self._content, self._names, self._held = {}, {}, []
        for folder, _, files in os.walk(root):
            for path in [folder, *(Path(folder, name) for name in files)]:
                handle = os.open(path, os.O_RDONLY)
                self._note(handle)
                os.close(handle)

    def synced(self, handle):
        """Stands for `os.fsync`."""
        self.syncs += 1
        self._note(handle)

    def _note(self, handle):
        facts = os.fstat(handle)
        # An inode that stays open is not given to another file.
        self._held.append(os.dup(handle))
        if stat.S_ISDIR(facts.st_mode):
            with os.scandir(handle) as entries:
                self._names[facts.st_ino] = {entry.name: entry.inode() for entry in entries}
        else:
            self._content[facts.st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    def after_the_power_cut(self, target):
        """Write what is left to a folder."""
        self._write(self.root.stat().st_ino, target)
        return target

    def _write(self, number, target):
        if number not in self._names:
            target.write_bytes(self._content.get(number, b""))
            return
        target.mkdir()
        for name, inside in self._names[number].items():
            self._write(inside, target / name)

    def close(self):
        for handle in self._held:
            os.close(handle)
