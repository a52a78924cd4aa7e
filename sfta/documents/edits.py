"""Replaces stretches of a page's text and moves every offset along with it.

Laws: text outside the edits stays as it is and in its order; a line, a block or a flag covers
the same characters before and after; one that lay inside an edit covers the replacement, and
goes if that is empty. `raw_offset` leads from every character back to the text as it was read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sfta.documents.document import Block, Change, Flag, Line, Page

LEFT_OUT = "left_out"
S = TypeVar("S", Line, Block, Flag)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """What stands in place of a stretch of text."""

    start: int
    end: int
    text: str
    kind: str
    """As in `Change`."""


def edited(page: Page, edits: Iterable[Edit]) -> Page:
    """The page, as it was read, with all edits made.

    Raises:
        ValueError: two edits overlap, or one reaches over the end of the text.
    """
    ordered = sorted(edits)
    if not ordered:
        return page
    shifts = _Shifts(ordered, len(page.text))
    pieces: list[str] = []
    changes: list[Change] = []
    at = 0
    for edit in ordered:
        pieces += [page.text[at : edit.start], edit.text]
        start = shifts.start(edit.start)
        change = Change(start, start + len(edit.text), edit.kind, edit.start, edit.end)
        changes.append(change)
        at = edit.end
    pieces.append(page.text[at:])
    return replace(
        page,
        text="".join(pieces),
        lines=_moved(page.lines, shifts),
        blocks=_moved(page.blocks, shifts),
        flags=_moved(page.flags, shifts),
        changes=tuple(changes),
    )


def left_out(text: str, stretches: Iterable[tuple[int, int]]) -> Iterator[Edit]:
    """Edits that take stretches out together with the empty lines that set them off."""
    for start, end in _runs(text, stretches):
        kept = len(text[:start].rstrip())
        # What stands above keeps its distance to what stands below.
        stop = end if kept else len(text) - len(text[end:].lstrip())
        yield Edit(kept, stop, "", LEFT_OUT)


def raw_offset(changes: Sequence[Change], offset: int, *, end: bool = False) -> int:
    """Where a character stood in the page text as it was read.

    A character of a placeholder leads to the beginning of what it replaces. With `end` the
    offset is that behind a character, and leads behind what it replaces.
    """
    shift = 0
    for change in changes:
        if offset < change.start + end:
            break
        if offset < change.end + end:
            return change.raw_end if end else change.raw_start
        shift = change.raw_end - change.end
    return offset + shift


class _Shifts:
    """Where offsets of the old text lie in the new one."""

    def __init__(self, edits: Sequence[Edit], length: int) -> None:
        self._edits = edits
        self._starts = [edit.start for edit in edits]
        self._grown: list[int] = []
        """By how much the text has grown before each edit."""
        grown = last = 0
        for edit in edits:
            if not last <= edit.start < edit.end <= length:
                raise ValueError(f"edits overlap or leave the text at {edit.start}")
            self._grown.append(grown)
            grown += len(edit.text) - (edit.end - edit.start)
            last = edit.end

    def start(self, offset: int) -> int:
        """For a beginning: inside an edit it becomes the edit's beginning."""
        return self._at(offset, end=False)

    def end(self, offset: int) -> int:
        """For an end: inside an edit it becomes the edit's end."""
        return self._at(offset, end=True)

    def _at(self, offset: int, *, end: bool) -> int:
        # An end at the beginning of an edit lies before it.
        index = bisect_right(self._starts, offset - end) - 1
        if index < 0:
            return offset
        edit, grown = self._edits[index], self._grown[index]
        if offset >= edit.end:
            return offset + grown + len(edit.text) - (edit.end - edit.start)
        return edit.start + grown + (len(edit.text) if end else 0)


def _runs(text: str, stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches, neighbours without text between them as one."""
    runs: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if runs and not text[runs[-1][1] : start].strip():
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return runs


def _moved(stretches: Iterable[S], shifts: _Shifts) -> tuple[S, ...]:
    moved: list[S] = []
    for stretch in stretches:
        if stretch.start == stretch.end:
            moved.append(stretch)
            continue
        start, end = shifts.start(stretch.start), shifts.end(stretch.end)
        if start < end:
            moved.append(replace(stretch, start=start, end=end))
    return tuple(moved)
