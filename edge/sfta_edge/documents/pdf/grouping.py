"""From lines to groups: which printed lines belong to one paragraph or list item."""

import re
from collections.abc import Sequence

from sfta_edge.documents.pdf.figures import Figure
from sfta_edge.documents.pdf.flow import in_order
from sfta_edge.documents.pdf.groups import SIZE_POINTS, Group, Lines, Typography, ends_sentence
from sfta_edge.documents.pdf.order import Column
from sfta_edge.documents.pdf.printed import TextLine, split_at_gaps
from sfta_edge.documents.pdf.tables import Note, Table
from sfta_edge.documents.spelling import SOFT_HYPHEN

_BULLETS = frozenset("•▪■□●○◦‣►➢✓✔·–—-*»")
_NUMBERED = re.compile(r"^\(?(?:(\d{1,3})|([a-z])|([ivx]{1,5}))[.)]$")
_LEADING_TIMES = 1.22
_CONTENTS_GAP_EMS = 2.5
_OPEN_SLACK_EMS = 2.0
_LEADER_ROW = re.compile(r"[^\s.].*(?:[.\u00b7_]\s?){4,}\s*(?:\d{1,4}|[ivxlc]{1,6})$")


def group(columns: Sequence[Column], style: Typography) -> list[Group]:
    """Groups of one page in reading order."""
    return in_order([_group_column(column, style) for column in columns], style)


def marker_of(line: TextLine) -> str:
    """Bullet or number that a list item begins with, or an empty text."""
    if len(line.words) < 2:
        return ""
    mark = line.words[0].text
    return mark if mark in _BULLETS or _NUMBERED.match(mark) else ""


def is_bullet(marker: str) -> bool:
    """Whether a marker carries no number or letter."""
    return marker in _BULLETS


def _group_column(column: Column, style: Typography) -> list[Group]:
    right = _right_edges(column)
    groups: list[Group] = []
    for item in column.items:
        if isinstance(item, (Table, Note, Figure)):
            groups.append(item)
            continue
        if not isinstance(item, TextLine):
            continue
        last = groups[-1] if groups else None
        previous = last if isinstance(last, Lines) else None
        gap = _gap(previous, item, style)
        made = Lines([item], gap=gap, contents=is_contents(item))
        if previous is None:
            made.marker = marker_of(item)
        else:
            made.marker = _accepted_marker(item, groups, gap)
            edge = right.get(item.size, item.x1)
            if not (made.marker or made.contents) and not _breaks(previous, item, edge, style):
                previous.lines.append(item)
                continue
        groups.append(made)
    return groups


def _breaks(group: Lines, line: TextLine, right: float, style: Typography) -> bool:
    """Whether a new paragraph begins with this line."""
    last = group.lines[-1]
    if group.contents or abs(last.size - line.size) > SIZE_POINTS:
        return True
    gap = _gap(group, line, style)
    if not 0 < gap <= _LEADING_TIMES:
        return True
    if not style.mono_body and (last.mono or line.mono):
        return last.mono != line.mono
    fits = _fits(last, line, right) and not _hangs(group, line)
    if last.bold != line.bold:
        return fits or (last.bold and len(group.lines) == 1 and last.size > style.body_size)
    return fits or _indent_breaks(group, line)


def _fits(last: TextLine, line: TextLine, right: float) -> bool:
    """The first word had room on the line before: the line end was meant."""
    if last.words[-1].text.endswith(("-", "\u2010", SOFT_HYPHEN)):
        return False
    ended = ends_sentence(last.text)
    if not ended and line.text[:1].islower():
        return False
    word = line.words[0]
    slack = (0.6 if ended else _OPEN_SLACK_EMS) * line.size
    return last.x1 + 0.3 * line.size + (word.x1 - word.x0) < right - slack


def _hangs(group: Lines, line: TextLine) -> bool:
    """The line stands below the text of its item, as the item's next lines do."""
    return bool(group.marker) and abs(line.x0 - group.first.words[1].x0) < 0.5 * line.size


def _indent_breaks(group: Lines, line: TextLine) -> bool:
    em = line.size
    if group.marker:
        return line.x0 < group.first.words[1].x0 - 0.8 * em
    last = group.lines[-1]
    if line.x0 > last.x0 + 0.8 * em:
        return len(group.lines) > 1 or ends_sentence(last.text)
    return line.x0 < last.x0 - 0.8 * em and len(group.lines) > 1


def _accepted_marker(line: TextLine, groups: Sequence[Group], gap: float) -> str:
    """A marker counts after a gap, after an item, or when it begins a numbering."""
    marker = marker_of(line)
    previous = groups[-1]
    if not marker or not isinstance(previous, Lines):
        return marker
    if gap > 1.1 or (is_bullet(marker) and _can_begin_item(previous)):
        return marker
    if previous.marker and not is_bullet(previous.marker):
        return marker if abs(previous.first.x0 - line.x0) < 3 * line.size else ""
    return marker if marker.strip("().") in ("1", "a", "i") else ""


def _can_begin_item(previous: Lines) -> bool:
    """A bullet, not a dash inside a sentence: the line before is an item or has ended."""
    return bool(previous.marker) or ends_sentence(previous.text) or previous.text.endswith(":")


def _gap(group: Lines | None, line: TextLine, style: Typography) -> float:
    if group is None:
        return 9.0
    last = group.lines[-1]
    pitch = max(style.pitch(line.size), style.pitch(last.size) if group.marker else 0.0)
    return (line.baseline - last.baseline) / pitch


def _right_edges(column: Column) -> dict[float, float]:
    """Right edge of the text, by font size."""
    lines = [item for item in column.items if isinstance(item, TextLine)]
    edges: dict[float, float] = {}
    for line in lines:
        edges[line.size] = max(edges.get(line.size, 0.0), line.x1)
    return edges


def is_contents(line: TextLine) -> bool:
    """Whether a line is a row of a table of contents: a title and a page number far right."""
    if _LEADER_ROW.search(line.text):
        return True
    pieces = list(split_at_gaps(line, _CONTENTS_GAP_EMS))
    alone = len(pieces) == 2 and len(pieces[1].words) == 1
    return alone and bool(re.fullmatch(r"\d{1,4}|[ivxlc]{1,6}", line.words[-1].text))
