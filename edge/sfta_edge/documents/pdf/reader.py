"""Reads one PDF with PDFium: opens it, takes its pages apart and writes them as clean text."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw_pdfium

from sfta_edge.documents.document import Box, Parsed, Unread, UnreadableError
from sfta_edge.documents.media import PDF
from sfta_edge.documents.pdf.bullets import write_bullets
from sfta_edge.documents.pdf.composition import FoundPage, compose
from sfta_edge.documents.pdf.drawn import Drawn
from sfta_edge.documents.pdf.frame import Frame
from sfta_edge.documents.pdf.glyphs import read_page
from sfta_edge.documents.pdf.grids import find_grids
from sfta_edge.documents.pdf.headings import Outline
from sfta_edge.documents.pdf.hidden import Hidden
from sfta_edge.documents.pdf.printed import PrintedPage
from sfta_edge.documents.pdf.running import drop_running_lines
from sfta_edge.documents.pdf.tables import Note, Table, take_grids
from sfta_edge.documents.rules import ReadOptions
from sfta_edge.documents.titles import usable_title

_UNKNOWN_SHARE = 0.3
_OUTLINE_DEPTH = 6
_MOST_ENTRIES = 10_000
_LARGEST_POINTS = 14_400.0  # what PDF 32000-1, annex C, allows for the side of a page
# A damaged file shows in the library's own error, or in a handle that is empty.
_DAMAGE = (pdfium.PdfiumError, ValueError, OverflowError, IndexError, AssertionError)


def parse_pdf(raw: bytes, options: ReadOptions) -> Parsed:
    """Pages of a PDF.

    Raises:
        UnreadableError: encrypted, damaged, too large, or without text.
    """
    with closing(open_pdf(raw, options.most_pages)) as document:
        counts: Counter[str] = Counter()
        unread: list[Unread] = []
        found = [
            _read(document, index, options, counts, unread) for index in range(len(document))
        ]
        _check_text(found, counts)
        outline = Outline.of(_outline(document))
        title = usable_title(_title(document))
    if options.drop_running:
        counts["running_lines"] = drop_running_lines([page.printed for page in found])
    pages, heading = compose(found, outline, tables=options.tables)
    counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed(title or heading, PDF, tuple(pages), kept, unread=tuple(unread))


def open_pdf(raw: bytes, most_pages: int) -> Any:
    """The file as PDFium opens it; whoever calls closes it.

    Raises:
        UnreadableError: encrypted, damaged, or of too many pages.
    """
    try:
        document = pdfium.PdfDocument(raw)
    except pdfium.PdfiumError as error:
        if error.err_code == raw_pdfium.FPDF_ERR_PASSWORD:
            reason = "it is encrypted and asks for a password"
            raise UnreadableError("encrypted", reason) from error
        raise UnreadableError("damaged", "it is no readable PDF") from error
    pages = len(document)
    if not 0 < pages <= most_pages:
        document.close()
        if pages <= 0:
            raise UnreadableError("damaged", "it holds no page")
        reason = f"it has {pages} pages, more than ingest.limits.pages allows"
        raise UnreadableError("too_large", reason)
    return document


def frame_of(page: Any) -> Frame:
    """What a viewer shows of a page.

    Raises:
        ValueError: the page has no usable size.
    """
    crop = tuple(float(value) for value in page.get_bbox())
    sides = (crop[2] - crop[0], crop[3] - crop[1])
    if not all(0 < side <= _LARGEST_POINTS for side in sides):
        raise ValueError("a page without a usable size")
    rotation = page.get_rotation()
    return Frame((crop[0], crop[1], crop[2], crop[3]), (rotation,) if rotation else ())


def _read(
    document: Any,
    index: int,
    options: ReadOptions,
    counts: Counter[str],
    unread: list[Unread],
) -> FoundPage:
    number = index + 1
    try:
        with closing(document[index]) as page:
            printed, drawn = _printed(page, number, options)
    except _DAMAGE as error:
        if isinstance(error, UnreadableError):
            raise
        counts["pages_unreadable"] += 1
        unread.append(Unread(number, "damaged", "it is damaged"))
        return FoundPage(number, PrintedPage(0.0, 0.0, 0, []), [], [])
    taken: list[Table | Note] = []
    places: list[Box] = []
    # What is drawn is known on the page as shown; on a page that is read turned it is left alone.
    if printed.lines and not printed.turn:
        if options.tables:
            taken = take_grids(find_grids(drawn.across, drawn.down), printed)
        places = drawn.places(taken)
        counts["drawn_bullets"] += write_bullets(drawn.fills, printed, places)
    counts["tables"] += sum(isinstance(item, Table) for item in taken)
    if not (printed.lines or printed.sideways or taken) and drawn.pictures:
        unread.append(Unread(number, "no_text", "it is a picture"))
    counts.update(printed.counts)
    return FoundPage(number, printed, taken, places)


def _printed(page: Any, number: int, options: ReadOptions) -> tuple[PrintedPage, Drawn]:
    """Words of a page, and what is drawn around them."""
    frame = frame_of(page)
    drawn = Drawn.on(page, frame)
    hidden = Hidden(drawn.paper, drawn.pictures, drawn.dark) if options.drop_hidden else None
    most = options.page_characters
    with closing(page.get_textpage()) as text:
        return (
            read_page(text.raw, frame, hidden, number=number, most_characters=most),
            drawn,
        )


def _check_text(found: Sequence[FoundPage], counts: Counter[str]) -> None:
    if counts["pages_unreadable"] == len(found):
        raise UnreadableError("damaged", "none of its pages can be read")
    unknown = counts["unknown_characters"]
    if unknown > _UNKNOWN_SHARE * (counts["characters"] + unknown):
        reason = "its fonts do not say which letters they draw, and pictures are not read here"
        raise UnreadableError("no_text", reason)
    if counts["characters"] == 0:
        pages = "its page holds" if len(found) == 1 else f"its {len(found)} pages hold"
        reason = f"{pages} no text; scanned pages are not read here"
        raise UnreadableError("no_text", reason)


def _outline(document: Any) -> list[list[Any]]:
    entries: list[list[Any]] = []
    try:
        for entry in document.get_toc(max_depth=_OUTLINE_DEPTH):
            place = entry.get_dest()
            at = place.get_index() if place else None
            if at is not None and len(entries) < _MOST_ENTRIES:
                entries.append([entry.level + 1, entry.get_title(), at + 1])
    except _DAMAGE:
        return []
    return entries


def _title(document: Any) -> str:
    try:
        return str(document.get_metadata_value("Title"))
    except _DAMAGE:
        return ""
