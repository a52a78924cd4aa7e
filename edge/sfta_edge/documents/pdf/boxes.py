"""Boxes on a page: area and overlap."""

from collections.abc import Sequence

from sfta_edge.documents.document import Box


def box_of(values: Sequence[float]) -> Box:
    """The first four values, as PyMuPDF gives them for its rectangles."""
    x0, y0, x1, y1 = values[:4]
    return float(x0), float(y0), float(x1), float(y1)


def overlap(a: Box, b: Box) -> Box:
    """What two boxes share; its area is 0 if they share nothing."""
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def area(box: Box) -> float:
    """Square points; 0 for an empty box."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def holds(box: Box, x: float, y: float) -> bool:
    """Whether a point lies in the box."""
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
