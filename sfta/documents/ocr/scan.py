"""Pages of a PDF whose text is drawn and not written: which they are, and reading them."""

from typing import Any

import pymupdf
from PIL import Image

from sfta.documents.ocr.recognition import UnseenError, read_picture
from sfta.documents.ocr.setting import Ocr
from sfta.documents.pdf.boxes import area, box_of, overlap
from sfta.documents.pdf.glyphs import PrintedPage

_MUPDF: Any = pymupdf  # its functions carry no types
_UNKNOWN_SHARE = 0.3
_FULL_SHARE = 0.8
_MARGIN_SHARE = 0.14
_HEADER_CHARACTERS = 400
_LEAST_PATHS = 20
"""Letters as outlines are many paths; a frame or a rule is few."""
_MOST_PIXELS = 40_000_000
_POINTS_PER_INCH = 72


def text_is_drawn(page: Any, printed: PrintedPage, paths: int, ocr: Ocr) -> bool:
    """Whether the page shows text that its own text does not hold.

    Args:
        page: as it was turned by `read_page`.
        printed: its own text.
        paths: how many drawings it has.
        ocr: with mode `always` every page that shows anything is such a page.
    """
    characters, unknown = printed.counts["characters"], printed.counts["unknown_characters"]
    paper = box_of(page.rect)
    pictures = [overlap(box_of(i["bbox"]), paper) for i in page.get_image_info()]
    drawn = bool(pictures) or paths >= _LEAST_PATHS
    if ocr.mode == "always":
        return drawn or characters + unknown > 0
    if unknown > _UNKNOWN_SHARE * (characters + unknown):
        return True
    if not characters:
        return drawn
    full = sum(map(area, pictures)) > _FULL_SHARE * area(paper)
    return full and characters < _HEADER_CHARACTERS and _on_margins(printed, paper[3])


def _on_margins(printed: PrintedPage, height: float) -> bool:
    """Whether all its lines stand where headers and footers do."""
    margin = _MARGIN_SHARE * height
    return all(line.y1 < margin or line.y0 > height - margin for line in printed.lines)


def read_scan(page: Any, printed: PrintedPage, ocr: Ocr) -> PrintedPage:
    """The lines that are seen on the page, in place of its own.

    Raises:
        UnseenError: there is no engine, it failed, or it saw no text.
    """
    if not ocr.works:
        raise UnseenError("no_text", f"its text is a picture, and {ocr.excuse}")
    image, dpi = _rendered(page, ocr.dpi)
    size = (page.rect.width, page.rect.height)
    seen = read_picture(image, dpi, ocr, size)
    seen.turn = (seen.turn + printed.turn) % 360
    seen.width, seen.height = printed.width, printed.height
    return seen


def _rendered(page: Any, dpi: int) -> tuple[Image.Image, float]:
    """The page in grey, and its pixels per inch: fewer where the page is very large."""
    square_inches = area(box_of(page.rect)) / _POINTS_PER_INCH**2
    fits = min(float(dpi), (_MOST_PIXELS / max(square_inches, 1e-6)) ** 0.5)
    scale = fits / _POINTS_PER_INCH
    pixmap = page.get_pixmap(
        matrix=_MUPDF.Matrix(scale, scale), colorspace=_MUPDF.csGRAY, alpha=False
    )
    return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples_mv), fits
