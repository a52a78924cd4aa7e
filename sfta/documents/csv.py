"""CSV and TSV: a table whose first record names the columns, a thousand records a page.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.csv import (
    ROWS_PER_PAGE,
    parse_csv,
)

__all__ = [
    "ROWS_PER_PAGE",
    "parse_csv",
]
