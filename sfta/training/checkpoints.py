"""Checkpoints: those that were written to their end, and going on from the last of them."""

import shutil
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from sfta.training import processes

COMPLETE = "complete"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    found = [path for path in folder.glob("checkpoint-*") if (path / COMPLETE).exists()]
    return max(found, key=lambda p: int(p.name.rpartition("-")[2]), default=None)


def remove_unfinished(folder: Path) -> None:
    """Remove the checkpoints that were not written to their end."""
    for path in folder.glob("checkpoint-*"):
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)


def go_on(loop: Any, folder: Path) -> None:
    """Train to the end, from the last checkpoint in the folder or from the beginning.

    Args:
        loop: a transformers Trainer, with a callback that marks its checkpoints.
        folder: of its checkpoints; what was not written to its end is removed.
    """
    if processes.is_first():
        remove_unfinished(folder)
    processes.meet()
    loop.remove_callback(PrinterCallback)  # progress has a line of its own
    last = last_checkpoint(folder)
    loop.train(resume_from_checkpoint=str(last) if last else None)
