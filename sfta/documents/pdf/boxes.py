"""Boxes on a page: area and overlap.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.boxes import (
    area,
    box_of,
    holds,
    overlap,
)

__all__ = [
    "area",
    "box_of",
    "holds",
    "overlap",
]
