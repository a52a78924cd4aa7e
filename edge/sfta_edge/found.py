"""What a search finds: chunks, hits, and where on a page they stand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one page, with what a citation needs to know."""

    id: str
    document_id: str
    title: str
    """Title of the document."""
    page: int
    """From 1."""
    heading: str
    """Path of headings, as ``4 Operation > 4.2 Starting``."""
    text: str
    start: int
    """Character offset in the page's text."""
    end: int
    name: str
    """File name of the document."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a question."""

    chunk: Chunk
    score: float
    """From 0 to 1; comparable within one question, not between questions."""
    rank: int
    """From 1."""
    text_rank: int | None = None
    """Rank in the full-text search; None if it did not find the chunk."""
    vector_rank: int | None = None
    """Rank in the vector search."""
    similarity: float | None = None
    """Cosine of question and chunk; None without an embedder."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points, the origin at the upper left."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    page_width: float
    page_height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: characters `start` to `end` of its text, and where it is printed."""

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document, as it was read."""

    document_id: str
    number: int
    pages: int
    """How many pages the document has."""
    text: str
    width: float
    height: float
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """A document as a list of documents names it."""

    id: str
    name: str
    title: str
    sha256: str
    """Of the file it was read from."""
    media_type: str
    language: str
    access: str
    """Groups that may read it, see `caller.groups_of`."""
    collection: str
    pages: int
    chunks: int
    file: int
    """Place of its knowledge file among those of the retriever, from 0."""
