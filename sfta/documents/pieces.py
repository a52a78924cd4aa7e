"""What a page may be cut into: sections, units that stay together, and their pieces.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pieces import (
    Unit,
    blocks_of,
    filled,
    pieces,
    sections,
    units,
    words,
)

__all__ = [
    "Unit",
    "blocks_of",
    "filled",
    "pieces",
    "sections",
    "units",
    "words",
]
