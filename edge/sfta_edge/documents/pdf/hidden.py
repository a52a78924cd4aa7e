"""Tells text that no reader of a page can see."""

from collections.abc import Callable, Sequence
from typing import Any

from sfta_edge.documents.document import Box
from sfta_edge.documents.pdf.boxes import area, holds

_SMALLEST_READABLE = 1.0
NEAR_WHITE = 0.93
"""A colour is white from here on, of 1."""
_SCANNED_SHARE = 0.5


class Hidden:
    """Tells text that nobody sees: transparent, tiny, or white on white.

    A scanned page is a picture over or under invisible recognised text; there the invisible
    text is the text.
    """

    def __init__(
        self, paper: Box, pictures: Sequence[Box], dark: Callable[[], Sequence[Box]]
    ) -> None:
        """Look at one page.

        Args:
            paper: the whole page.
            pictures: places of its pictures.
            dark: finds the places that are filled with a colour; asked when first needed.
        """
        self._dark = dark
        self._painted: list[Box] | None = None
        self._pictures = list(pictures)
        covered = max((area(picture) for picture in self._pictures), default=0.0)
        self._scanned = covered > _SCANNED_SHARE * area(paper)

    def holds(self, span: dict[str, Any]) -> bool:
        """Whether the span is hidden."""
        if span["size"] < _SMALLEST_READABLE:
            return True
        if span["alpha"] == 0:
            return not self._scanned
        return _luminance(span["color"]) > NEAR_WHITE and not self._on_colour(span["bbox"])

    def _on_colour(self, bbox: Box) -> bool:
        if self._painted is None:
            self._painted = [*self._dark(), *self._pictures]
        x, y = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
        return any(holds(box, x, y) for box in self._painted)


def _luminance(rgb: int) -> float:
    return min((rgb >> shift & 255) / 255 for shift in (0, 8, 16))
