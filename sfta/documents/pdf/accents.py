"""Accents that a file draws over a letter as a character of their own, as TeX does.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.accents import (
    composed,
)

__all__ = [
    "composed",
]
