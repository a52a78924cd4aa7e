"""One file in, one parsed document out: chooses the reader by the content."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sfta.documents.document import Parsed, UnreadableError
from sfta.documents.media import HTML, MARKDOWN, PDF, PICTURES, decode, media_type
from sfta.documents.ocr.setting import Ocr


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """How files are read; the part of the ingest settings that the reader needs."""

    most_pages: int = 5000
    page_characters: int = 200_000
    drop_running: bool = True
    drop_hidden: bool = True
    tables: bool = True
    ocr: Ocr = field(default_factory=Ocr)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the child process."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """``from_json(options.to_json()) == options``."""
        return cls(**{**data, "ocr": Ocr.from_json(data["ocr"])})


def parse(raw: bytes, name: str, options: ParseOptions) -> Parsed:
    """Pages of one file.

    Raises:
        UnreadableError: the file cannot become a document; says why in one sentence.
    """
    kind = media_type(raw, name)
    if kind == PDF:
        # Loaded only for a PDF: a folder of Markdown does without it.
        from sfta.documents.pdf.reader import parse_pdf

        return parse_pdf(raw, options)
    if kind in PICTURES:
        from sfta.documents.ocr.picture import parse_picture

        return parse_picture(raw, kind, options)
    text, guessed = decode(raw)
    parsed = _parse_text(text, kind)
    if not any(page.text for page in parsed.pages):
        raise UnreadableError("no_text", "it holds markup and no text")
    if (
        max(len(page.text) for page in parsed.pages)
        > options.page_characters * options.most_pages
    ):
        raise UnreadableError("too_large", "it holds more text than ingest.limits allows")
    if guessed:
        parsed.counts["encoding_guessed"] = 1
    return parsed


def _parse_text(text: str, kind: str) -> Parsed:
    if kind == HTML:
        from sfta.documents.html import parse_html

        return parse_html(text)
    if kind == MARKDOWN:
        from sfta.documents.markdown import parse_markdown

        return parse_markdown(text)
    from sfta.documents.plain import parse_plain

    return parse_plain(text)
