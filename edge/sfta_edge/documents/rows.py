"""Rows of cells as a Markdown table: how every format but PDF writes its tables."""

from collections.abc import Iterable, Sequence

from sfta_edge.documents.document import Fragment, PageWriter

Row = Sequence[str]


def add_table(page: PageWriter, rows: Iterable[Row]) -> bool:
    """Append a table whose first row names the columns; return whether it was one.

    Empty rows and columns are left out. What has one row or one column orders text and is no
    table: its rows become paragraphs.
    """
    shown = [row for row in rows if any(row)]
    width = max((len(row) for row in shown), default=0)
    if width < 2 or len(shown) < 2:
        for row in shown:
            page.add("paragraph", [Fragment(" ".join(cell for cell in row if cell))])
        return False
    full = [[*row, *[""] * (width - len(row))] for row in shown]
    keep = [i for i in range(width) if any(row[i] for row in full)]
    cells = [[row[i] for i in keep] for row in full]
    lines = [table_row(row) for row in cells]
    lines.insert(1, "|" + "---|" * len(keep))
    _add_lines(page, lines, cells[0])
    return True


def add_rows(page: PageWriter, names: Row, rows: Iterable[Row]) -> None:
    """Append rows of a table that began on an earlier page; `names` are its columns."""
    _add_lines(page, [table_row(row) for row in rows], names)


def table_row(cells: Row) -> str:
    """One row, with the signs inside its cells escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _add_lines(page: PageWriter, lines: Sequence[str], names: Row) -> None:
    header = " | ".join(names)
    page.add("table", [Fragment(line, None, "\n") for line in lines], header=header)
