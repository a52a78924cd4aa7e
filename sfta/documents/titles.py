"""Tells the title of a document from what programs write into its place.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.titles import (
    first_heading,
    usable_title,
)

__all__ = [
    "first_heading",
    "usable_title",
]
