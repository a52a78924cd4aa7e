"""Markdown: CommonMark with tables; markup goes, structure stays.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.markdown import (
    parse_markdown,
)

__all__ = [
    "parse_markdown",
]
