"""Drawings and pictures of a page, and the labels inside them."""

from collections.abc import Sequence
from typing import Any

from sfta.documents.document import Box
from sfta.documents.pdf.boxes import area, box_of, overlap
from sfta_edge.documents.pdf.figures import Figure, take_figures
from sfta_edge.documents.pdf.order import Boxed

__all__ = ["Figure", "regions", "take_figures"]

_LEAST_WIDTH = 50.0
_LEAST_HEIGHT = 30.0
_PAGE_SHARE = 0.7
_MOST_PATHS = 4000


def regions(page: Any, taken: Sequence[Boxed]) -> list[Box]:
    """Places of drawings and pictures that are neither a table nor a page background."""
    paths = page.get_cdrawings()
    paper = box_of(page.rect)
    boxes = [overlap(box_of(info["bbox"]), paper) for info in page.get_image_info()]
    if 0 < len(paths) <= _MOST_PATHS:
        drawn = page.cluster_drawings(drawings=page.get_drawings())
        boxes += [overlap(box_of(box), paper) for box in drawn]
    tables = [(t.x0, t.y0, t.x1, t.y1) for t in taken]
    kept = []
    for box in boxes:
        large = box[2] - box[0] >= _LEAST_WIDTH and box[3] - box[1] >= _LEAST_HEIGHT
        if not large or area(box) > _PAGE_SHARE * area(paper):
            continue
        if not any(area(overlap(box, table)) > 0.5 * area(box) for table in tables):
            kept.append(box)
    return sorted(set(kept), key=lambda b: (b[1], b[0], b[3], b[2]))
