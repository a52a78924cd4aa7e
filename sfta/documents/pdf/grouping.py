"""From lines to groups: which printed lines belong to one paragraph or list item.

The device reads with the same code: it lies in `sfta_edge.documents`.
"""

from sfta_edge.documents.pdf.grouping import (
    group,
    is_bullet,
    is_contents,
    marker_of,
)
from sfta_edge.documents.pdf.groups import Lines, Typography

__all__ = [
    "Lines",
    "Typography",
    "group",
    "is_bullet",
    "is_contents",
    "marker_of",
]
