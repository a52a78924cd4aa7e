"""What the libraries for formats raise at a damaged file, as one error with a reason.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.damage import (
    as_damage,
)

__all__ = [
    "as_damage",
]
