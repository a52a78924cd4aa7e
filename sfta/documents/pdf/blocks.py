"""From groups to the blocks of a page: clean text with its boxes.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.blocks import (
    Pages,
)

__all__ = [
    "Pages",
]
