"""What an answer is: its text, its citations, and the facts around them.

Rules this module upholds:

- A citation is verified if its quote stands in a chunk the model was given, and in no other
  way. Then its text is the chunk's own, not the model's spelling of it.
- A quote with the number of another chunk than the one it stands in is kept for the chunk in
  which it stands, and marked as corrected.
- Odd output of a model is an answer like any other: it ends in flags, never in an exception.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from sfta_edge.citation import ParsedAnswer, Quote, Span, find_quote
from sfta_edge.found import Box
from sfta_edge.generation import FinishReason
from sfta_edge.plain_text import plain_text
from sfta_edge.prompt import PromptChunk
from sfta_edge.support import SupportedSentence

Mode = Literal["model", "extractive"]
"""Written by the model, or quoted without one."""

Outage = Literal["generator", "embedder", "disk"]
"""What can be out of order while questions are answered."""


class CitableChunk(PromptChunk, Protocol):
    """What a citation needs to know of a chunk."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def document_id(self) -> str: ...


Locate = Callable[[str, Span], list[Box]]
"""Chunk id and span to rectangles on the page."""


@dataclass(frozen=True, slots=True)
class Citation:
    """One quote of an answer and where it stands."""

    number: int
    """Which of the chunks given to the model, from 1; as the model said if not verified."""
    quote: str
    verified: bool
    corrected: bool = False
    """The model named another chunk than the one in which the quote stands."""
    chunk_id: str | None = None
    """None, as the facts of its document, if the model named a chunk it was not given."""
    document: str | None = None
    """File name."""
    title: str | None = None
    page: int | None = None
    span: Span | None = None
    """Place in the chunk's text, if verified."""
    boxes: tuple[Box, ...] = ()
    """Rectangles on the page, if verified and known."""
    document_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API; what a document calls itself is shown as plain text."""
        names = ("number", "document_id", "page", "chunk_id", "verified", "corrected")
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        for name in ("document", "title", "quote"):
            text = getattr(self, name)
            facts[name] = None if text is None else plain_text(text)
        return {**facts, "boxes": [asdict(box) for box in self.boxes]}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device says to a question."""

    question: str
    answer: str
    """Plain text: without control characters, and never markup."""
    refused: bool
    """The documents do not hold the answer."""
    well_formed: bool
    """The model kept to the answer form."""
    citations: tuple[Citation, ...]
    completion: str
    """What the model wrote, to the letter."""
    finish_reason: FinishReason
    dropped: tuple[str, ...] = ()
    """Ids of chunks found but not given to the model, for want of room; best first."""
    refusal_score: float | None = None
    """How sure the model was of refusing, 0 to 1; refused above the threshold."""
    usage: Mapping[str, int] = field(default_factory=dict)
    """Tokens: prompt, completion, reused."""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    hits: tuple[Any, ...] = ()
    """What the retriever found, best first."""
    sentences: tuple[SupportedSentence, ...] = ()
    """Of `answer`, and whether the documents support each; none of a refusal."""
    withheld: int = 0
    """Sentences taken out in strict mode because nothing supports them."""
    mode: Mode = "model"
    degraded: tuple[Outage, ...] = ()
    """What was out of order."""
    id: str = ""
    """Given by whoever keeps answers; empty: nobody does."""

    @property
    def supported(self) -> bool:
        """At least one quote stands in the documents."""
        return any(citation.verified for citation in self.citations)

    def to_json(self, bundle: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The form of the Edge API; `bundle` says what answered."""
        return {
            "id": self.id,
            "answer": self.answer,
            "refused": self.refused,
            "supported": self.supported,
            "mode": self.mode,
            "degraded": list(self.degraded),
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "withheld": self.withheld,
            "citations": [citation.to_json() for citation in self.citations],
            "finish_reason": self.finish_reason,
            "dropped_chunks": list(self.dropped),
            "refusal_score": self.refusal_score,
            "usage": dict(self.usage),
            "timings_ms": {name: round(value, 1) for name, value in self.timings_ms.items()},
            "bundle": None if bundle is None else dict(bundle),
        }


def cite(
    parsed: ParsedAnswer, chunks: Sequence[CitableChunk], locate: Locate | None = None
) -> tuple[Citation, ...]:
    """A citation for each quote of an answer; the same quote twice gives one."""
    unique: dict[object, Citation] = {}
    for quote in parsed.quotes:
        citation = _cite(quote, chunks, locate)
        place = (citation.chunk_id, citation.span) if citation.verified else quote
        unique.setdefault(place, citation)
    return tuple(unique.values())


def _cite(quote: Quote, chunks: Sequence[CitableChunk], locate: Locate | None) -> Citation:
    order = sorted(range(1, len(chunks) + 1), key=lambda number: number != quote.number)
    for number in order:
        chunk = chunks[number - 1]
        span = find_quote(quote.text, chunk.text)
        if span is not None:
            return Citation(
                number=number,
                quote=chunk.text[span.start : span.end],
                verified=True,
                corrected=number != quote.number,
                chunk_id=chunk.id,
                document=chunk.name,
                title=chunk.title,
                page=chunk.page,
                span=span,
                boxes=tuple(locate(chunk.id, span)) if locate else (),
                document_id=chunk.document_id,
            )
    if 1 <= quote.number <= len(chunks):
        named = chunks[quote.number - 1]
        return Citation(
            number=quote.number,
            quote=quote.text,
            verified=False,
            chunk_id=named.id,
            document=named.name,
            title=named.title,
            page=named.page,
            document_id=named.document_id,
        )
    return Citation(quote.number, quote.text, verified=False)
