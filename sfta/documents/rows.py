"""Rows of cells as a Markdown table: how every format but PDF writes its tables.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.rows import (
    Row,
    add_rows,
    add_table,
)

__all__ = [
    "Row",
    "add_rows",
    "add_table",
]
