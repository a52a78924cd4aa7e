"""Reads one PDF: opens it, takes its pages apart and writes them as clean text."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pymupdf

from sfta.documents.document import Parsed, Unread, UnreadableError
from sfta.documents.media import PDF
from sfta.documents.ocr.recognition import UnseenError
from sfta.documents.ocr.scan import read_scan, text_is_drawn
from sfta.documents.parse import ParseOptions
from sfta.documents.pdf.bullets import write_bullets
from sfta.documents.pdf.composition import FoundPage, compose
from sfta.documents.pdf.figures import regions
from sfta.documents.pdf.glyphs import PrintedPage, read_page
from sfta.documents.pdf.headings import Outline
from sfta.documents.pdf.running import drop_running_lines
from sfta.documents.pdf.tables import Table, take_tables
from sfta.documents.titles import usable_title

_MUPDF: Any = pymupdf  # its functions carry no types
_NO_MEMORY = re.compile(r"\b[cm]alloc\b|\brealloc\b|out of memory|bad_alloc", re.IGNORECASE)
_TAIL_BYTES = 4096
_UNKNOWN_SHARE = 0.3
_MOST_PATHS = 20_000
# MuPDF reports damage with its own exceptions and, on some paths, with plain ones.
_DAMAGE = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError, KeyError)


def parse_pdf(raw: bytes, options: ParseOptions) -> Parsed:
    """Pages of a PDF.

    Raises:
        UnreadableError: encrypted, damaged, too large, or without text.
        MemoryError: the process has not enough memory for this file.
    """
    _MUPDF.TOOLS.mupdf_display_errors(False)
    _MUPDF.TOOLS.mupdf_display_warnings(False)
    with _open(raw, options) as document:
        counts: Counter[str] = Counter()
        counts["repaired"] = int(document.is_repaired)
        unread: list[Unread] = []
        found = [
            _read(document, index, options, counts, unread)
            for index in range(document.page_count)
        ]
        _check_text(found, counts, unread, options)
        outline = Outline.of(_outline(document))
        title = _title(document)
    if options.drop_running:
        counts["running_lines"] = drop_running_lines([page.printed for page in found])
    pages, heading = compose(found, outline, tables=options.tables)
    counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed(title or heading, PDF, tuple(pages), kept, unread=tuple(unread))


def _open(raw: bytes, options: ParseOptions) -> Any:
    try:
        document = _MUPDF.open(stream=raw, filetype="pdf")
        pages = document.page_count
    except _DAMAGE as error:
        raise UnreadableError("damaged", "it is no readable PDF") from error
    if document.needs_pass:
        raise UnreadableError("encrypted", "it is encrypted and asks for a password")
    if document.is_repaired and b"%%EOF" not in raw[-_TAIL_BYTES:]:
        raise UnreadableError("damaged", "it ends too early: the end of the file is missing")
    if pages == 0:
        raise UnreadableError("damaged", "it holds no page")
    if pages > options.most_pages:
        raise UnreadableError(
            "too_large", f"it has {pages} pages, more than ingest.limits.pages allows"
        )
    return document


def _read(
    document: Any,
    index: int,
    options: ParseOptions,
    counts: Counter[str],
    unread: list[Unread],
) -> FoundPage:
    number = index + 1
    try:
        page = document[index]
        printed = read_page(
            page, drop_hidden=options.drop_hidden, most_characters=options.page_characters
        )
        drawings = page.get_cdrawings()
        paths = len(drawings)
        if text_is_drawn(page, printed, paths, options.ocr):
            try:
                printed = read_scan(page, printed, options.ocr)
            except UnseenError as error:
                unread.append(Unread(number, error.code, str(error)))
        if printed.confidence is not None:
            counts.update(printed.counts)
            return FoundPage(number, printed, [], [])
        taken = (
            take_tables(page, printed) if options.tables and 2 <= paths <= _MOST_PATHS else []
        )
        places = regions(page, taken) if printed.lines else []
        if paths <= _MOST_PATHS:
            counts["drawn_bullets"] += write_bullets(drawings, printed, places)
    except _DAMAGE as error:
        if _NO_MEMORY.search(str(error)):
            raise MemoryError from error
        counts["pages_unreadable"] += 1
        unread.append(Unread(number, "damaged", "it is damaged"))
        return FoundPage(number, PrintedPage(0.0, 0.0, 0, []), [], [])
    counts.update(printed.counts)
    counts["tables"] += sum(isinstance(item, Table) for item in taken)
    return FoundPage(number, printed, taken, places)


def _check_text(
    found: Sequence[FoundPage],
    counts: Counter[str],
    unread: Sequence[Unread],
    options: ParseOptions,
) -> None:
    if counts["pages_unreadable"] == len(found):
        raise UnreadableError("damaged", "none of its pages can be read")
    unknown = counts["unknown_characters"]
    if unknown > _UNKNOWN_SHARE * (counts["characters"] + unknown):
        raise UnreadableError(
            "no_text",
            f"its fonts do not say which letters they draw, and {options.ocr.excuse}",
        )
    if counts["characters"] == 0:
        pages = "its page holds" if len(found) == 1 else f"its {len(found)} pages hold"
        why = Counter((page.code, page.reason) for page in unread).most_common(1)
        if not why:
            raise UnreadableError("no_text", f"{pages} no text")
        (code, reason), _ = why[0]
        if not options.ocr.works and code == "no_text":
            reason = f"{pages} pictures only and no text, and {options.ocr.excuse}"
            raise UnreadableError("no_text", reason)
        raise UnreadableError(code, f"{pages} pictures only: {reason}")


def _outline(document: Any) -> list[list[Any]]:
    try:
        return list(document.get_toc())
    except _DAMAGE:
        return []


def _title(document: Any) -> str:
    return usable_title(str((document.metadata or {}).get("title") or ""))
