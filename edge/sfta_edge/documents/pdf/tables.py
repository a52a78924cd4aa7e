"""Ruled tables of a page, filled with the page's own words.

A grid counts as a table when it has at least two rows and two columns and most of its cells
hold text; boxes around notes and drawings do not. A grid of one row is a note: its cells are
one paragraph, read from left to right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.documents.document import Box
from sfta_edge.documents.pdf.boxes import box_of
from sfta_edge.documents.pdf.order import rows_of
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine, Word, merge, split_at_gaps
from sfta_edge.documents.spelling import join_lines

_FILLED_SHARE = 0.4
_MOST_LABELS = 4
_SPACER_POINTS = 8.0
_CELL_GAP_EMS = 1.0
Cells = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A grid of texts."""

    x0: float
    y0: float
    x1: float
    y1: float
    rows: Cells
    boxes: tuple[Box, ...]
    """One per row."""
    headed: bool = True
    """The first row names the columns."""

    @property
    def column_edges(self) -> tuple[int, int, int]:
        """Place and number of columns: the same on the next page if the table goes on."""
        return round(self.x0), round(self.x1), len(self.rows[0])


@dataclass(frozen=True, slots=True)
class Note:
    """A boxed row: a label and its text, or just a text."""

    x0: float
    y0: float
    x1: float
    y1: float
    cells: tuple[tuple[TextLine, ...], ...]


def take_grids(grids: Sequence[Any], printed: PrintedPage) -> list[Table | Note]:
    """Read grids as tables and notes; their words leave the lines of the page.

    A grid has a `bbox` and `rows`; a row has a `bbox` and `cells`, boxes or None.
    """
    taken: list[Table | Note] = []
    for grid in sorted(grids, key=lambda g: (g.bbox[1], g.bbox[0])):
        words = [w for line in printed.lines for w in line.words if _inside(w, grid.bbox)]
        made = _read_grid(grid, words)
        if made is not None:
            taken.append(made)
            gone = {id(word) for word in words}
            kept = (tuple(w for w in i.words if id(w) not in gone) for i in printed.lines)
            printed.lines = [TextLine(words) for words in kept if words]
    return taken


def markdown_row(cells: Sequence[str]) -> str:
    """One table row; a bar inside a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rule_row(columns: int) -> str:
    """The row between header and body."""
    return "|" + "---|" * columns


def _read_grid(grid: Any, words: Sequence[Word]) -> Table | Note | None:
    rows = [row for row in grid.rows if any(cell is not None for cell in row.cells)]
    placed = [[_cell_lines(words, cell) for cell in row.cells] for row in rows]
    held = sum(len(line.words) for row in placed for cell in row for line in cell)
    if not words or held < len(words):
        return None
    if len(rows) == 1:
        cells = tuple(tuple(cell) for cell in placed[0] if cell)
        if _is_tabular(cells):
            return None
        return (
            Note(*box_of(grid.bbox), cells)
            if cells and len(placed[0]) <= _MOST_LABELS
            else None
        )
    texts = [tuple(_cell_text(cell) for cell in row) for row in placed]
    boxes = [tuple(float(v) for v in row.bbox) for row in rows]
    kept = [(t, b) for t, b in zip(texts, boxes, strict=True) if any(t)]
    full = _used_columns([t for t, _ in kept])
    drawn = [cell for row in rows for cell in row.cells if cell is not None]
    filled = sum(bool(text) for row in texts for text in row)
    if len(kept) < 2 or len(full) < 2 or filled < _FILLED_SHARE * len(drawn):
        return None
    if _spaced_apart(rows, full):
        return None
    return Table(
        *box_of(grid.bbox),
        tuple(tuple(t[i] for i in full) for t, _ in kept),
        tuple((b[0], b[1], b[2], b[3]) for _, b in kept),
    )


def _is_tabular(cells: Sequence[Sequence[TextLine]]) -> bool:
    """Whether most lines fall into columns: rows between rules, not the text of a note."""
    lines = [line for cell in cells for line in cell]
    apart = sum(len(list(split_at_gaps(line, _CELL_GAP_EMS))) > 1 for line in lines)
    return len(cells) > 1 and apart * 2 > len(lines)


def _used_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    return [i for i in range(len(rows[0]) if rows else 0) if any(row[i] for row in rows)]


def _spaced_apart(rows: Sequence[Any], used: Sequence[int]) -> bool:
    """Boxes of a drawing stand apart: between their columns lie wide empty ones."""
    gaps = 0
    for column in range(used[0], used[-1]):
        cells = [row.cells[column] for row in rows if row.cells[column] is not None]
        wide = any(cell[2] - cell[0] > _SPACER_POINTS for cell in cells)
        gaps += column not in used and wide
    return gaps * 2 >= len(used) - 1


def _cell_lines(words: Sequence[Word], cell: Box | None) -> list[TextLine]:
    if cell is None:
        return []
    inside = [TextLine((word,)) for word in words if _inside(word, cell)]
    return [merge(i for i in row if isinstance(i, TextLine)) for row in rows_of(inside)]


def _cell_text(lines: Sequence[TextLine]) -> str:
    text = ""
    for line in lines:
        if text:
            before, glue = join_lines(text, line.text, frozenset())
            text = before + glue + line.text
        else:
            text = line.text
    return text


def _inside(word: Word, box: Any) -> bool:
    x, y = word.centre
    return bool(box[0] <= x < box[2] and box[1] <= y < box[3])
