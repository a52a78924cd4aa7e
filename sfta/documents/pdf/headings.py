"""Which groups are headings, and of which level.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.headings import (
    Headings,
    Outline,
)

__all__ = [
    "Headings",
    "Outline",
]
