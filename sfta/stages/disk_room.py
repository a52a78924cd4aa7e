"""Whether there is room on the disk for what stages are going to write."""

import shutil
from pathlib import Path

_ROOM = 1.1  # of what is foreseen; headers and records come on top


def room_problems(stages: str, size: float, folder: Path) -> list[str]:
    """One sentence if so many bytes do not fit where the folder is or will be, else nothing."""
    needed, free = int(size * _ROOM), shutil.disk_usage(_existing(folder)).free
    if needed <= free:
        return []
    return [f"{stages} need {needed / 1e9:.1f} GB in {folder}, {free / 1e9:.1f} GB are free"]


def _existing(path: Path) -> Path:
    path = path.expanduser().absolute()
    return path if path.exists() else _existing(path.parent)
