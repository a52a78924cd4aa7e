"""One file in, one parsed document out: chooses the reader by the content."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sfta.documents.document import PICTURES_LEFT_OUT, Parsed, UnreadableError
from sfta.documents.media import (
    CSV,
    DOCX,
    EML,
    EPUB,
    HTML,
    JSON,
    JSON_LINES,
    MARKDOWN,
    PDF,
    PICTURES,
    PPTX,
    TSV,
    XLSX,
    decode,
    is_misnamed,
    media_type,
)
from sfta.documents.ocr.setting import Ocr
from sfta_edge.documents.rules import ReadOptions


@dataclass(frozen=True, slots=True)
class ParseOptions(ReadOptions):
    """How files are read; the part of the ingest settings that the reader needs."""

    ocr: Ocr = field(default_factory=Ocr)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the child process."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """``from_json(options.to_json()) == options``."""
        return cls(**{**data, "ocr": Ocr.from_json(data["ocr"])})


def parse(raw: bytes, name: str, options: ParseOptions, *, depth: int = 0) -> Parsed:
    """Pages of one file; `depth` counts the mails it was attached to, one in the other.

    Raises:
        UnreadableError: the file cannot become a document; says why in one sentence.
    """
    kind = media_type(raw, name)
    if kind == PDF:
        # Loaded only for a PDF: a folder of Markdown does without it.
        from sfta.documents.pdf.reader import parse_pdf

        parsed = parse_pdf(raw, options)
    elif kind in PICTURES:
        from sfta.documents.ocr.picture import parse_picture

        parsed = parse_picture(raw, kind, options)
    elif kind == EML:
        from sfta.documents.eml import parse_eml

        parsed = parse_eml(raw, options, depth)
    elif kind in (DOCX, PPTX, XLSX, EPUB):
        parsed = _parse_archive(raw, kind, options)
    else:
        text, guessed = decode(raw)
        parsed = _parse_text(text, kind)
        if guessed:
            parsed.counts["encoding_guessed"] = 1
    if kind != PDF:
        _check_size(parsed, options)
    if is_misnamed(kind, name):
        parsed.counts["misnamed"] = 1
    return parsed


def _check_size(parsed: Parsed, options: ParseOptions) -> None:
    if not any(page.text for page in parsed.pages):
        what = "markup" if parsed.media_type in (HTML, MARKDOWN) else "nothing that is shown"
        if pictures := parsed.counts.get(PICTURES_LEFT_OUT, 0):
            what = f"{pictures} pictures, which are read from files of their own only,"
        raise UnreadableError("no_text", f"it holds {what} and no text")
    if len(parsed.pages) > options.most_pages:
        reason = f"it has {len(parsed.pages)} pages, more than ingest.limits.pages allows"
        raise UnreadableError("too_large", reason)
    longest = max(len(page.text) for page in parsed.pages)
    if longest > options.page_characters * options.most_pages:
        raise UnreadableError("too_large", "it holds more text than ingest.limits allows")


def _parse_archive(raw: bytes, kind: str, options: ParseOptions) -> Parsed:
    if kind == DOCX:
        from sfta.documents.docx.reader import parse_docx

        return parse_docx(raw, options)
    if kind == PPTX:
        from sfta.documents.pptx.reader import parse_pptx

        return parse_pptx(raw, options)
    if kind == XLSX:
        from sfta.documents.xlsx.reader import parse_xlsx

        return parse_xlsx(raw, options)
    from sfta.documents.epub import parse_epub

    return parse_epub(raw, options)


def _parse_text(text: str, kind: str) -> Parsed:
    if kind == HTML:
        from sfta.documents.html import parse_html

        return parse_html(text)
    if kind == MARKDOWN:
        from sfta.documents.markdown import parse_markdown

        return parse_markdown(text)
    if kind in (CSV, TSV):
        from sfta.documents.csv import parse_csv

        return parse_csv(text, kind)
    if kind in (JSON, JSON_LINES):
        from sfta.documents.json import parse_json

        return parse_json(text, kind)
    from sfta.documents.plain import parse_plain

    return parse_plain(text)
