"""HTML: what a reader of the page sees, as blocks. Scripts, styles and navigation go.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.html import (
    parse_html,
)

__all__ = [
    "parse_html",
]
