"""Records of a file, each with its number: what is wrong with one can be said with its place."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
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


def misspelled(record: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Keys that are nearly a known one; others are the file's own and stay unread."""
    return [
        f"unknown key {key!r} (did you mean {close[0]!r}?)"
        for key in record
        if key not in known
        and (close := get_close_matches(key, known, n=1, cutoff=0.85))
        and close[0] not in record
    ]


def is_text(value: object) -> bool:
    """Whether a value is a text that is not empty."""
    return isinstance(value, str) and bool(value.strip())


def is_list(value: object, holds: Callable[[Any], bool]) -> bool:
    """Whether a value is a list of such items."""
    return isinstance(value, list) and all(holds(item) for item in value)


def is_page(value: object) -> bool:
    """Whether a value is ``{document, page}``: a file name, and a page from 1."""
    if not isinstance(value, dict) or not is_text(value.get("document")):
        return False
    page = value.get("page")
    return isinstance(page, int) and not isinstance(page, bool) and page >= 1
