"""One file in, one parsed document out, with what a device reads: no office suite, no OCR."""

import re

from sfta_edge.documents.document import Parsed, UnreadableError
from sfta_edge.documents.media import (
    CSV,
    DOCX,
    HTML,
    MARKDOWN,
    PDF,
    PLAIN,
    TSV,
    decode,
    media_type,
)
from sfta_edge.documents.rules import ReadOptions

READ = "PDF, Word (.docx), HTML, Markdown, CSV and text are read"
_SETTING = re.compile(r"\bingest\.limits(?:\.\w+)? allows?")


def read_document(raw: bytes, name: str, options: ReadOptions) -> Parsed:
    """Pages of one file.

    Raises:
        UnreadableError: the file cannot become a document; says why in one sentence.
        MemoryError: the process has not enough memory for this file.
    """
    try:
        parsed = _parsed(raw, media_type(raw, name), options)
        _check_size(parsed, options)
    except UnreadableError as error:
        # The settings of a recipe are not those of a device.
        reason = _SETTING.sub("this device reads", str(error))
        raise UnreadableError(error.code, reason) from error
    return parsed


def _parsed(raw: bytes, kind: str, options: ReadOptions) -> Parsed:
    if kind == PDF:
        from sfta_edge.documents.pdf.reader import parse_pdf

        return parse_pdf(raw, options)
    if kind == DOCX:
        from sfta_edge.documents.docx.reader import parse_docx

        return parse_docx(raw, options)
    if kind not in (HTML, MARKDOWN, CSV, TSV, PLAIN):
        raise UnreadableError("unsupported", f"it is {kind}; {READ}")
    text, guessed = decode(raw)
    parsed = _parsed_text(text, kind)
    if guessed:
        parsed.counts["encoding_guessed"] = 1
    return parsed


def _parsed_text(text: str, kind: str) -> Parsed:
    if kind == HTML:
        from sfta_edge.documents.html import parse_html

        return parse_html(text)
    if kind == MARKDOWN:
        from sfta_edge.documents.markdown import parse_markdown

        return parse_markdown(text)
    if kind in (CSV, TSV):
        from sfta_edge.documents.csv import parse_csv

        return parse_csv(text, kind)
    from sfta_edge.documents.plain import parse_plain

    return parse_plain(text)


def _check_size(parsed: Parsed, options: ReadOptions) -> None:
    if not any(page.text for page in parsed.pages):
        raise UnreadableError("no_text", "it holds no text")
    if len(parsed.pages) > options.most_pages:
        reason = f"it has {len(parsed.pages)} pages, more than this device reads"
        raise UnreadableError("too_large", reason)
    total = sum(len(page.text) for page in parsed.pages)
    if total > options.page_characters * options.most_pages:
        raise UnreadableError("too_large", "it holds more text than this device reads")
