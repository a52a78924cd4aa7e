"""Reads one PDF: opens it, takes its pages apart and writes them as clean text."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pymupdf

from sfta.documents.document import Box, Page, Parsed, UnreadableError
from sfta.documents.media import PDF
from sfta.documents.parse import ParseOptions
from sfta.documents.pdf.blocks import Pages
from sfta.documents.pdf.bullets import write_bullets
from sfta.documents.pdf.figures import regions, take_figures
from sfta.documents.pdf.glyphs import PrintedPage, read_page
from sfta.documents.pdf.grouping import group
from sfta.documents.pdf.groups import Group, Lines, Typography
from sfta.documents.pdf.headings import Headings, Outline
from sfta.documents.pdf.loose import with_loose_tables
from sfta.documents.pdf.order import columns
from sfta.documents.pdf.running import drop_running_lines
from sfta.documents.pdf.tables import Note, Table, take_tables
from sfta.documents.titles import first_heading, usable_title

_MUPDF: Any = pymupdf  # its functions carry no types
_NO_MEMORY = re.compile(r"\b[cm]alloc\b|\brealloc\b|out of memory|bad_alloc", re.IGNORECASE)
_TAIL_BYTES = 4096
_UNKNOWN_SHARE = 0.3
_MOST_PATHS = 20_000
# MuPDF reports damage with its own exceptions and, on some paths, with plain ones.
_DAMAGE = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError, KeyError)


@dataclass(frozen=True, slots=True)
class _Raw:
    """One page as it was found."""

    number: int
    printed: PrintedPage
    taken: list[Table | Note]
    places: list[Box]


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
        found = [
            _read(document, index, options, counts) for index in range(document.page_count)
        ]
        _check_text(found, counts)
        outline = Outline.of(_outline(document))
        title = _title(document)
    if options.drop_running:
        counts["running_lines"] = drop_running_lines([page.printed for page in found])
    pages, heading = _write(found, outline, tables=options.tables)
    counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed(title or heading, PDF, tuple(pages), kept)


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


def _read(document: Any, index: int, options: ParseOptions, counts: Counter[str]) -> _Raw:
    try:
        page = document[index]
        printed = read_page(
            page, drop_hidden=options.drop_hidden, most_characters=options.page_characters
        )
        drawings = page.get_cdrawings()
        paths = len(drawings)
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
        return _Raw(index + 1, PrintedPage(0.0, 0.0, 0, []), [], [])
    counts.update(printed.counts)
    counts["tables"] += sum(isinstance(item, Table) for item in taken)
    return _Raw(index + 1, printed, taken, places)


def _check_text(found: list[_Raw], counts: Counter[str]) -> None:
    if counts["pages_unreadable"] == len(found):
        raise UnreadableError("damaged", "none of its pages can be read")
    unknown = counts["unknown_characters"]
    if unknown > _UNKNOWN_SHARE * (counts["characters"] + unknown):
        raise UnreadableError(
            "no_text", "its fonts do not say which letters they draw; run OCR on it first"
        )
    if counts["characters"] == 0:
        pages = "its page holds" if len(found) == 1 else f"its {len(found)} pages hold"
        raise UnreadableError(
            "no_text", f"{pages} pictures only and no text; run OCR on it first"
        )


def _write(found: list[_Raw], outline: Outline, *, tables: bool) -> tuple[list[Page], str]:
    """Pages, and the first heading of the document."""
    style = Typography.of([page.printed for page in found])
    grouped: list[list[Group]] = []
    for page in found:
        figures = take_figures(page.printed, page.places, style.body_size)
        found_columns = columns([*page.printed.lines, *page.taken, *figures])
        if tables:
            found_columns = [with_loose_tables(column) for column in found_columns]
        grouped.append(group(found_columns, style))
    texts = [
        (page.number, [g for g in groups if isinstance(g, Lines)])
        for page, groups in zip(found, grouped, strict=True)
    ]
    headings = Headings.of(texts, outline, style)
    writer = Pages(style, headings)
    pages = [
        writer.write(page.number, page.printed, groups)
        for page, groups in zip(found, grouped, strict=True)
    ]
    return pages, first_heading(tuple(pages))


def _outline(document: Any) -> list[list[Any]]:
    try:
        return list(document.get_toc())
    except _DAMAGE:
        return []


def _title(document: Any) -> str:
    return usable_title(str((document.metadata or {}).get("title") or ""))
