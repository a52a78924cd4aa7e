"""Tables without rules: rows whose pieces stand under one another.

Three or more neighbouring lines that fall into the same columns are a table. A first row in
bold, or a first row of words above rows with numbers, names the columns.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from sfta_edge.documents.pdf.grouping import is_contents, marker_of
from sfta_edge.documents.pdf.order import Boxed, Column
from sfta_edge.documents.pdf.printed import TextLine, Word, merge, split_at_gaps
from sfta_edge.documents.pdf.tables import Cells, Table

_CELL_GAP_EMS = 0.8
_LEAST_ROWS = 3
_ROW_STEP_SIZES = 2.6
_CELL_CHARACTERS = 60
_LABEL_STEP_SIZES = 0.8
_EDGE_POINTS = 3.0
_LEADERS = re.compile(r"(?:[.\u00b7_\u2026]\s?){4,}")
_DOTS = re.compile(r"[.\u00b7_\u2026]{3,}|^[.\u00b7_\u2026]+$")
_NUMERIC = re.compile(r"\d")
Interval = tuple[float, float]


def with_loose_tables(column: Column) -> Column:
    """The column, with a table in place of each run of aligned lines."""
    items: list[Boxed] = []
    run: list[TextLine] = []
    for item in column.items:
        if isinstance(item, TextLine) and _continues(run, item):
            run.append(item)
            continue
        if isinstance(item, TextLine) and _labels(run, item):
            run[-1] = merge([run[-1], item])
            continue
        items.extend(_closed(run))
        run = []
        if isinstance(item, TextLine) and _is_row(item):
            run = [item]
        else:
            items.append(item)
    items.extend(_closed(run))
    return Column(tuple(items))


def _pieces(line: TextLine) -> list[TextLine]:
    parts = _between_leaders(line) if _LEADERS.search(line.text) else [line]
    return [piece for part in parts for piece in split_at_gaps(part, _CELL_GAP_EMS)]


def _between_leaders(line: TextLine) -> list[TextLine]:
    """A line without the dots that lead from a name to its value, cut at them."""
    parts: list[list[Word]] = [[]]
    for word in line.words:
        at = 0
        for match in _DOTS.finditer(word.text):
            parts[-1] += _cut(word, at, match.start())
            parts.append([])
            at = match.end()
        parts[-1] += _cut(word, at, len(word.text))
    return [TextLine(tuple(part)) for part in parts if part]


def _cut(word: Word, start: int, end: int) -> list[Word]:
    """Some characters of a word; where they stand is estimated by their share of it."""
    if start == end:
        return []
    width = (word.x1 - word.x0) / len(word.text)
    x0, x1 = word.x0 + start * width, word.x0 + end * width
    return [replace(word, text=word.text[start:end], x0=x0, x1=x1)]


def _is_row(line: TextLine) -> bool:
    pieces = _pieces(line)
    if len(pieces) < 2 or is_contents(line):
        return False
    return len(pieces) > 2 or not (marker_of(line) and len(pieces[0].words) == 1)


def _continues(run: Sequence[TextLine], line: TextLine) -> bool:
    if not run or not _is_row(line):
        return False
    return 0 < line.baseline - run[-1].baseline <= _ROW_STEP_SIZES * line.size


def _labels(run: Sequence[TextLine], line: TextLine) -> bool:
    """Whether a line stands between two rows, to name both of them at the side."""
    if not run or len(_pieces(line)) > 1:
        return False
    beside = 0 < line.baseline - run[-1].baseline < _LABEL_STEP_SIZES * line.size
    free = all(line.x1 < word.x0 or word.x1 < line.x0 for word in run[-1].words)
    return beside and free


def _closed(run: Sequence[TextLine]) -> list[Boxed]:
    """A table if the lines align, else the lines."""
    table = _table(run) if len(run) >= _LEAST_ROWS else None
    return [table] if table else list(run)


def _table(run: Sequence[TextLine]) -> Table | None:
    rows = [_pieces(line) for line in run]
    if median(len(piece.text) for row in rows for piece in row) > _CELL_CHARACTERS:
        return None
    cells = _grid(rows) or _pairs(rows)
    if not cells:
        return None
    boxes = tuple((line.x0, line.y0, line.x1, line.y1) for line in run)
    return Table(
        min(box[0] for box in boxes),
        boxes[0][1],
        max(box[2] for box in boxes),
        boxes[-1][3],
        cells,
        boxes,
        headed=_names_columns(run, cells),
    )


def _grid(rows: Sequence[Sequence[TextLine]]) -> Cells | None:
    """Cells of rows whose pieces stand under one another."""
    body = rows[1:] if len(rows) > _LEAST_ROWS else rows
    intervals = _columns([piece for row in body for piece in row])
    if len(intervals) < 2 or not all(_one_each(row, intervals) for row in body):
        return None
    return tuple(_cells(row, intervals) for row in rows)


def _pairs(rows: Sequence[Sequence[TextLine]]) -> Cells | None:
    """Cells of rows of a name and a value, where all names and all values share an edge."""
    if any(len(row) != 2 for row in rows):
        return None
    names, values = zip(*rows, strict=True)
    aligned = _spread(names, "x0") and (_spread(values, "x1") or _spread(values, "x0"))
    return tuple((name.text, value.text) for name, value in rows) if aligned else None


def _spread(pieces: Sequence[TextLine], edge: str) -> bool:
    """Whether an edge is common to all pieces."""
    places: list[float] = [getattr(piece, edge) for piece in pieces]
    return max(places) - min(places) <= _EDGE_POINTS


def _columns(pieces: Sequence[TextLine]) -> list[Interval]:
    """Stretches of the width that hold text in some row."""
    merged: list[Interval] = []
    for x0, x1 in sorted((piece.x0, piece.x1) for piece in pieces):
        if merged and x0 <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], x1))
        else:
            merged.append((x0, x1))
    return merged


def _column_of(piece: TextLine, intervals: Sequence[Interval]) -> int:
    """The column a piece stands in, or the nearest one."""
    middle = (piece.x0 + piece.x1) / 2
    return min(
        range(len(intervals)),
        key=lambda i: max(intervals[i][0] - middle, middle - intervals[i][1], 0.0),
    )


def _one_each(row: Sequence[TextLine], intervals: Sequence[Interval]) -> bool:
    places = [_column_of(piece, intervals) for piece in row]
    return all(left < right for left, right in pairwise(places))


def _cells(row: Sequence[TextLine], intervals: Sequence[Interval]) -> tuple[str, ...]:
    cells = [""] * len(intervals)
    for piece in row:
        place = _column_of(piece, intervals)
        cells[place] = f"{cells[place]} {piece.text}".strip()
    return tuple(cells)


def _names_columns(run: Sequence[TextLine], cells: Sequence[Sequence[str]]) -> bool:
    if run[0].bold and not run[1].bold:
        return True
    first = any(_NUMERIC.search(cell) for cell in cells[0][1:])
    later = all(any(_NUMERIC.search(cell) for cell in row[1:]) for row in cells[1:])
    return later and not first
