"""Cuts the pages of a document into chunks.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.chunking import (
    Chunk,
    CountTokens,
    chunk_pages,
)

__all__ = [
    "Chunk",
    "CountTokens",
    "chunk_pages",
]
