"""Reads one Word document: headings, items, tables, text boxes and notes, page by page.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.docx.reader import (
    parse_docx,
)

__all__ = [
    "parse_docx",
]
