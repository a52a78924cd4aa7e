"""How the columns of a page become one text.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.flow import (
    is_caption,
)

__all__ = [
    "is_caption",
]
