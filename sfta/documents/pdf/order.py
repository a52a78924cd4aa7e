"""Reading order: columns before rows where a page has columns, rows everywhere else.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.order import (
    Boxed,
    Column,
    columns,
    rows_of,
)

__all__ = [
    "Boxed",
    "Column",
    "columns",
    "rows_of",
]
