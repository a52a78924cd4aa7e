"""Tables without rules: rows whose pieces stand under one another.

Three or more neighbouring lines that fall into the same columns are a table. A first row in
bold, or a first row of words above rows with numbers, names the columns.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from sfta.documents.pdf.glyphs import TextLine, split_at_gaps
from sfta.documents.pdf.grouping import is_contents, marker_of
from sfta.documents.pdf.order import Boxed, Column
from sfta.documents.pdf.tables import Table

_CELL_GAP_EMS = 0.8
_LEAST_ROWS = 3
_ROW_STEP_SIZES = 2.6
_CELL_CHARACTERS = 60
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
        items.extend(_closed(run))
        run = []
        if isinstance(item, TextLine) and _is_row(item):
            run = [item]
        else:
            items.append(item)
    items.extend(_closed(run))
    return Column(tuple(items))


def _pieces(line: TextLine) -> list[TextLine]:
    return list(split_at_gaps(line, _CELL_GAP_EMS))


def _is_row(line: TextLine) -> bool:
    pieces = _pieces(line)
    if len(pieces) < 2 or is_contents(line):
        return False
    return len(pieces) > 2 or not (marker_of(line) and len(pieces[0].words) == 1)


def _continues(run: Sequence[TextLine], line: TextLine) -> bool:
    if not run or not _is_row(line):
        return False
    return 0 < line.baseline - run[-1].baseline <= _ROW_STEP_SIZES * line.size


def _closed(run: Sequence[TextLine]) -> list[Boxed]:
    """A table if the lines align, else the lines."""
    table = _table(run) if len(run) >= _LEAST_ROWS else None
    return [table] if table else list(run)


def _table(run: Sequence[TextLine]) -> Table | None:
    rows = [_pieces(line) for line in run]
    body = rows[1:] if len(rows) > _LEAST_ROWS else rows
    intervals = _columns([piece for row in body for piece in row])
    if len(intervals) < 2 or not all(_one_each(row, intervals) for row in body):
        return None
    if median(len(piece.text) for row in body for piece in row) > _CELL_CHARACTERS:
        return None
    cells = tuple(_cells(row, intervals) for row in rows)
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
