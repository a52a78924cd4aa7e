"""Reads one picture file: PNG, JPEG, WebP, or the pages of a TIFF."""

import io
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageOps

from sfta.documents.document import Parsed, Unread, UnreadableError
from sfta.documents.ocr.recognition import UnseenError, read_picture
from sfta.documents.parse import ParseOptions
from sfta.documents.pdf.composition import FoundPage, compose
from sfta.documents.pdf.glyphs import PrintedPage
from sfta.documents.pdf.headings import Outline
from sfta.documents.pdf.running import drop_running_lines

_TIFF = "image/tiff"
_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    _TIFF: "TIFF",
    "image/webp": "WEBP",
}
# Pillow reports damage with whatever its readers ran into.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)
_PAGE_INCHES = 11.7
"""Length of a page that does not say how large it is."""
_LEAST_DPI, _MOST_DPI = 50.0, 2400.0
_SCREEN_DPI = 72.0  # what programs write that do not know
_MOST_GROWTH = 4.0
_MOST_WORK_PIXELS = 40_000_000
_POINTS_PER_INCH = 72


def parse_picture(raw: bytes, kind: str, options: ParseOptions) -> Parsed:
    """One page for each picture in the file.

    Raises:
        UnreadableError: damaged, too large, without text, or there is no OCR.
    """
    ocr = options.ocr
    if not ocr.works:
        raise UnreadableError("no_text", f"it is a picture, and {ocr.excuse}")
    # Our own limit is checked before anything is decoded; Pillow's would only warn.
    Image.MAX_IMAGE_PIXELS = None
    found: list[FoundPage] = []
    unread: list[Unread] = []
    for number, (image, dpi) in enumerate(_pages(raw, kind, options), 1):
        size = tuple(side * _POINTS_PER_INCH / dpi for side in image.size)
        printed = PrintedPage(size[0], size[1], 0, [])
        try:
            printed = _read(image, dpi, options, (size[0], size[1]))
        except UnseenError as error:
            unread.append(Unread(number, error.code, str(error)))
        found.append(FoundPage(number, printed, [], []))
    return _written(found, unread, kind, options)


def _read(
    image: Image.Image, dpi: float, options: ParseOptions, size: tuple[float, float]
) -> PrintedPage:
    """The page at the resolution that pages of a PDF are read at."""
    ocr = options.ocr
    factor = min(ocr.dpi / dpi, _MOST_GROWTH)
    factor = min(factor, (_MOST_WORK_PIXELS / (image.width * image.height)) ** 0.5)
    wanted = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    if wanted != image.size:
        image = image.resize(wanted, Image.Resampling.BICUBIC, reducing_gap=3.0)
    return read_picture(image, dpi * factor, ocr, size)


def _written(
    found: list[FoundPage], unread: list[Unread], kind: str, options: ParseOptions
) -> Parsed:
    counts: Counter[str] = Counter()
    for page in found:
        counts.update(page.printed.counts)
    if not counts["characters"]:
        raise UnreadableError(unread[0].code, f"it is a picture: {unread[0].reason}")
    if options.drop_running:
        counts["running_lines"] = drop_running_lines([page.printed for page in found])
    pages, heading = compose(found, Outline.of([]), tables=options.tables)
    counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed(heading, kind, tuple(pages), kept, unread=tuple(unread))


def _pages(raw: bytes, kind: str, options: ParseOptions) -> Iterator[tuple[Image.Image, float]]:
    """Each picture in grey, upright as the camera meant it, with its pixels per inch."""
    try:
        with Image.open(io.BytesIO(raw), formats=(_FORMATS[kind],)) as file:
            pages = getattr(file, "n_frames", 1) if kind == _TIFF else 1
            if pages > options.most_pages:
                reason = f"it has {pages} pages, more than ingest.limits.pages allows"
                raise UnreadableError("too_large", reason)
            for number in range(pages):
                file.seek(number)
                _check_size(file, options.ocr.most_pixels)
                yield _square(_grey(file), file)
    except _DAMAGE as error:
        # An UnreadableError is no damage of the file, and none of these.
        raise UnreadableError("damaged", "it is no readable picture") from error


def _check_size(file: Any, most_pixels: int) -> None:
    width, height = file.size
    if width * height > most_pixels:
        raise UnreadableError(
            "too_large",
            f"it is a picture of {width} x {height} pixels, more than "
            "ingest.limits.megapixels allows",
        )


def _grey(file: Any) -> Image.Image:
    image = ImageOps.exif_transpose(file)
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        # Pillow clips these instead of scaling them.
        image = image.convert("F").point(lambda value: value * (1 / 256))
    elif image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    grey: Image.Image = image.convert("L")
    return grey


def _square(image: Image.Image, file: Any) -> tuple[Image.Image, float]:
    """The picture with as many pixels an inch across as down, and how many."""
    try:
        across, down = (float(value) for value in file.info["dpi"])
    except (KeyError, TypeError, ValueError):
        across = down = 0.0
    usual = all(_LEAST_DPI < dpi < _MOST_DPI and dpi != _SCREEN_DPI for dpi in (across, down))
    if not usual:
        return image, max(image.size) / _PAGE_INCHES
    if across > 1.1 * down:  # a fax
        return image.resize((image.width, round(image.height * across / down))), across
    return image, across
