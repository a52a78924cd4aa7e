"""Clean spelling of extracted text: ligatures, spaces, invisible characters, hyphens.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.spelling import (
    SOFT_HYPHEN,
    clean,
    ends_broken,
    invisible,
    join_lines,
    superscript,
    tricks,
    words_of,
)

__all__ = [
    "SOFT_HYPHEN",
    "clean",
    "ends_broken",
    "invisible",
    "join_lines",
    "superscript",
    "tricks",
    "words_of",
]
