"""What a parsed file is: pages of clean text, boxes for highlighting, and blocks.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.document import (
    CODES,
    PICTURES_LEFT_OUT,
    Block,
    Box,
    Change,
    Code,
    Flag,
    Fragment,
    LeftOut,
    Line,
    Page,
    PageWriter,
    Parsed,
    Unread,
    UnreadableError,
    document_id,
)

__all__ = [
    "CODES",
    "PICTURES_LEFT_OUT",
    "Block",
    "Box",
    "Change",
    "Code",
    "Flag",
    "Fragment",
    "LeftOut",
    "Line",
    "Page",
    "PageWriter",
    "Parsed",
    "Unread",
    "UnreadableError",
    "document_id",
]
