"""The numbers and bullets that Word draws before a paragraph; its text does not hold them.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.docx.numbering import (
    BULLET,
    Numbering,
)

__all__ = [
    "BULLET",
    "Numbering",
]
