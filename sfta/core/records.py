"""Records of a file, each with its number: what is wrong with one can be said with its place."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One record as it was read, or why it could not be."""

    number: int
    """From 1: the line of JSON lines, else the place in the array or table."""
    value: Any
    """What the file holds there; none if there is a problem."""
    problem: str = ""
    split: str = ""
    """Name of the split, where the file or folder has splits of its own."""
