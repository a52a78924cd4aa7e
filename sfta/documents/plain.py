"""Plain text: paragraphs between empty lines, pages between form feeds.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.plain import (
    parse_plain,
)

__all__ = [
    "parse_plain",
]
