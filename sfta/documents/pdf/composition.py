"""From printed pages to the pages of a document: order, paragraphs, headings, blocks.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.composition import (
    FoundPage,
    compose,
)

__all__ = [
    "FoundPage",
    "compose",
]
