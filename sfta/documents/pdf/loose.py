"""Tables without rules: rows whose pieces stand under one another.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.loose import (
    with_loose_tables,
)

__all__ = [
    "with_loose_tables",
]
