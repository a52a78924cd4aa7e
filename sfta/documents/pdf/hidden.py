"""Tells text that no reader of a page can see."""

from typing import Any

from sfta.documents.document import Box
from sfta.documents.pdf.boxes import area, box_of, holds, overlap

_SMALLEST_READABLE = 1.0
_NEAR_WHITE = 0.93
_SCANNED_SHARE = 0.5


class Hidden:
    """Tells text that nobody sees: transparent, tiny, or white on white.

    A scanned page is a picture over or under invisible recognised text; there the invisible
    text is the text.
    """

    def __init__(self, page: Any) -> None:
        self._page = page
        self._painted: list[Box] | None = None
        paper = box_of(page.rect)
        self._pictures = [overlap(box_of(i["bbox"]), paper) for i in page.get_image_info()]
        covered = max((area(picture) for picture in self._pictures), default=0.0)
        self._scanned = covered > _SCANNED_SHARE * area(paper)

    def holds(self, span: dict[str, Any]) -> bool:
        """Whether the span is hidden."""
        if span["size"] < _SMALLEST_READABLE:
            return True
        if span["alpha"] == 0:
            return not self._scanned
        return _luminance(span["color"]) > _NEAR_WHITE and not self._on_colour(span["bbox"])

    def _on_colour(self, bbox: Box) -> bool:
        if self._painted is None:
            fills = [d for d in self._page.get_cdrawings() if d.get("fill")]
            dark = [d["rect"] for d in fills if min(d["fill"]) < _NEAR_WHITE]
            self._painted = [box_of(r) for r in dark] + self._pictures
        x, y = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
        return any(holds(box, x, y) for box in self._painted)


def _luminance(rgb: int) -> float:
    return min((rgb >> shift & 255) / 255 for shift in (0, 8, 16))
