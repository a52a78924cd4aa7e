"""Reading order: columns before rows where a page has columns, rows everywhere else.

A column gutter is a tall empty strip with prose on both sides. The widest-reaching gutter is
cut first; what stands above and below it is ordered by the same rule, so a page may change
from one column to two and back. Tables and figures are single items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Protocol
from unicodedata import east_asian_width

from sfta_edge.documents.pdf.printed import TextLine, merge, split_at_gaps

_GUTTER_EMS = 0.9
_LEAST_ROWS = 3
_PROSE_CHARACTERS = 18
_FULL_SHARE = 0.85
_FULL_LINES_SHARE = 0.6
_SAME_ROW = 0.4
_PARAGRAPH_GAP = 1.75


class Boxed(Protocol):
    """Anything with a place on the page."""

    @property
    def x0(self) -> float: ...
    @property
    def y0(self) -> float: ...
    @property
    def x1(self) -> float: ...
    @property
    def y1(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Column:
    """Items of one column, from top to bottom."""

    items: tuple[Boxed, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """A strip without ink between x0 and x1, beside the items of rows `first` to `last`."""

    left: tuple[Boxed, ...]
    right: tuple[Boxed, ...]
    rows: int
    """Rows on the poorer side."""

    @property
    def weight(self) -> tuple[int, int]:
        """More rows beside each other first, then more items in all."""
        return self.rows, len(self.left) + len(self.right)


def columns(items: Sequence[Boxed]) -> list[Column]:
    """Columns in reading order; text lines on one baseline in one column become one line."""
    pieces: list[Boxed] = []
    for item in items:
        if isinstance(item, TextLine):
            pieces.extend(split_at_gaps(item, _GUTTER_EMS))
        else:
            pieces.append(item)
    return [Column(tuple(_joined_rows(part))) for part in _cut(pieces, depth=0) if part]


def rows_of(items: Sequence[Boxed]) -> list[list[Boxed]]:
    """Items that stand side by side, row after row, each row from left to right."""
    rows: list[list[Boxed]] = []
    for item in sorted(items, key=lambda i: (_anchor(i), i.x0, i.y0)):
        if rows and _beside(rows[-1], item):
            rows[-1].append(item)
        else:
            rows.append([item])
    return [sorted(row, key=lambda i: (i.x0, i.y0)) for row in rows]


def _cut(items: Sequence[Boxed], *, depth: int) -> list[list[Boxed]]:
    """Items of each column in reading order."""
    run = _best_run(items) if depth < 16 else None
    if run is None:
        return [list(items)]
    inside = {id(item) for item in (*run.left, *run.right)}
    top = min(item.y0 for item in (*run.left, *run.right))
    above = [i for i in items if id(i) not in inside and _middle(i) < top]
    below = [i for i in items if id(i) not in inside and _middle(i) >= top]
    parts: list[list[Boxed]] = []
    for part in (above, run.left, run.right, below):
        if part:
            parts.extend(_cut(part, depth=depth + 1))
    return parts


def _best_run(items: Sequence[Boxed]) -> _Run | None:
    """The gutter with prose on both sides over the most rows."""
    rows = rows_of(items)
    strips = {
        (round(a.x1, 1), round(b.x0, 1))
        for row in rows
        for a, b in pairwise(row)
        if b.x0 - a.x1 > 0
    }
    # Columns are not always on common baselines, so a strip may lie between any two items.
    strips |= _edge_strips(items)
    best: _Run | None = None
    for left, right in sorted(strips):
        for run in _runs(rows, (left + right) / 2):
            if best is None or run.weight > best.weight:
                best = run
    return best


def _edge_strips(items: Sequence[Boxed]) -> set[tuple[float, float]]:
    """Strips between a common right edge and the next common left edge."""
    lefts = sorted(round(item.x0, 1) for item in items)
    starts = {x for x in lefts if sum(abs(x - y) < 1.5 for y in lefts) >= _LEAST_ROWS}
    return {(x - 4.0, x - 1.0) for x in starts}


def _runs(rows: Sequence[list[Boxed]], x: float) -> list[_Run]:
    """Longest stretches of rows that leave `x` free and read as two columns."""
    found: list[_Run] = []
    stretch: list[list[Boxed]] = []
    for row in [*rows, None]:
        if row is not None and not any(item.x0 < x < item.x1 for item in row):
            stretch.append(row)
            continue
        if run := _as_columns(stretch, x):
            found.append(run)
        stretch = []
    return found


def _as_columns(rows: Sequence[list[Boxed]], x: float) -> _Run | None:
    trimmed = _trimmed(list(rows), x)
    left = [item for row in trimmed for item in row if item.x1 <= x]
    right = [item for row in trimmed for item in row if item.x0 >= x]
    both = _overlapping(left, right)
    if both < _LEAST_ROWS or not _read_apart(left, right):
        return None
    size = median(item.size for item in (*left, *right) if isinstance(item, TextLine))
    near_left = max(item.x1 for item in left)
    near_right = min(item.x0 for item in right)
    if near_right - near_left < _GUTTER_EMS * size * 0.6:
        return None
    return _Run(tuple(left), tuple(right), both)


def _trimmed(rows: list[list[Boxed]], x: float) -> list[list[Boxed]]:
    """Without rows that stand on the left side only and do not belong to the column.

    Such a row (a heading over both columns, a line below them) belongs to the left column if
    it is close to it and printed alike.
    """
    rights = [any(item.x0 >= x for item in row) for row in rows]
    if not any(rights):
        return []
    first, last = rights.index(True), len(rights) - 1 - rights[::-1].index(True)
    head, kept, tail = rows[:first], rows[first : last + 1], rows[last + 1 :]
    lefts = [row[0] for row in kept if row[0].x1 <= x]
    pitch = _pitch(lefts)
    for row in reversed(head):
        if not lefts or not _follows(row[0], lefts[0], pitch):
            break
        lefts.insert(0, row[0])
        kept.insert(0, row)
    for row in tail:
        if not lefts or not _follows(lefts[-1], row[0], pitch):
            break
        lefts.append(row[0])
        kept.append(row)
    return kept


def _follows(last: Boxed, item: Boxed, pitch: float) -> bool:
    """Whether the left column goes on with this item: close enough, and of the same print."""
    if not (isinstance(last, TextLine) and isinstance(item, TextLine)):
        return False
    same = last.size == item.size and last.bold == item.bold
    return same and item.baseline - last.baseline <= _PARAGRAPH_GAP * pitch


def _pitch(items: Sequence[Boxed]) -> float:
    steps = [_anchor(b) - _anchor(a) for a, b in pairwise(items)]
    return median([step for step in steps if step > 1] or [0.0])


def _overlapping(left: Sequence[Boxed], right: Sequence[Boxed]) -> int:
    """Rows on the poorer side within the height both sides share."""
    if not left or not right:
        return 0
    top = max(min(i.y0 for i in left), min(i.y0 for i in right))
    bottom = min(max(i.y1 for i in left), max(i.y1 for i in right))
    return min(
        sum(top <= _middle(i) <= bottom for i in side if isinstance(i, TextLine))
        for side in (left, right)
    )


def _read_apart(left: Sequence[Boxed], right: Sequence[Boxed]) -> bool:
    """Both sides are running text, or one side is and the other is a table beside it."""
    if _is_prose(left) and _is_prose(right):
        return True
    return (_fills_its_width(left) and _has_wide_rows(right)) or (
        _fills_its_width(right) and _has_wide_rows(left)
    )


def _is_prose(items: Sequence[Boxed]) -> bool:
    """Lines long enough to be running text, not the cells of a table."""
    lengths = [_cells(item.text) for item in items if isinstance(item, TextLine)]
    return len(lengths) >= _LEAST_ROWS and median(lengths) >= _PROSE_CHARACTERS


def _fills_its_width(items: Sequence[Boxed]) -> bool:
    """Lines that end at a common right edge, as labels of table rows do not."""
    lines = [item for item in items if isinstance(item, TextLine)]
    if len(lines) < 2 * _LEAST_ROWS or not _is_prose(lines):
        return False
    width = max(line.x1 for line in lines) - min(line.x0 for line in lines)
    full = sum(line.x1 - line.x0 >= _FULL_SHARE * width for line in lines)
    return full >= _FULL_LINES_SHARE * len(lines)


def _has_wide_rows(items: Sequence[Boxed]) -> bool:
    rows = rows_of([item for item in items if isinstance(item, TextLine)])
    lengths = [sum(_cells(i.text) for i in row if isinstance(i, TextLine)) for row in rows]
    return len(lengths) >= _LEAST_ROWS and median(lengths) >= _PROSE_CHARACTERS


def _cells(text: str) -> int:
    """Length of a text, where a sign of a script without letters counts as two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _joined_rows(items: Sequence[Boxed]) -> list[Boxed]:
    joined: list[Boxed] = []
    for row in rows_of(items):
        lines = [item for item in row if isinstance(item, TextLine)]
        others = [item for item in row if not isinstance(item, TextLine)]
        joined.extend(others)
        if lines:
            joined.append(merge(lines))
    return sorted(joined, key=lambda i: (_anchor(i) if isinstance(i, TextLine) else i.y0, i.x0))


def _beside(row: Sequence[Boxed], item: Boxed) -> bool:
    """Whether an item stands on the row's baseline; tables and figures stand alone."""
    last = row[-1]
    if not (isinstance(last, TextLine) and isinstance(item, TextLine)):
        return False
    return abs(last.baseline - item.baseline) <= _SAME_ROW * max(last.size, item.size)


def _anchor(item: Boxed) -> float:
    return item.baseline if isinstance(item, TextLine) else item.y0


def _middle(item: Boxed) -> float:
    return (item.y0 + item.y1) / 2
