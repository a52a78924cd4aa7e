"""Ruled tables of a page: found by PyMuPDF by their lines."""

import contextlib
import io
from typing import Any

from sfta.documents.pdf.glyphs import PrintedPage
from sfta_edge.documents.pdf.tables import Note, Table, markdown_row, rule_row, take_grids

__all__ = ["Note", "Table", "markdown_row", "rule_row", "take_tables"]


def take_tables(page: Any, printed: PrintedPage) -> list[Table | Note]:
    """Find tables and notes; their words leave the lines of the page."""
    # find_tables writes advice to standard output on some pages.
    with contextlib.redirect_stdout(io.StringIO()):
        found = page.find_tables(use_layout=False).tables
    return take_grids(found, printed)
