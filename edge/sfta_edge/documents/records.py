"""The records of a document and its chunks, as a corpus and a knowledge file hold them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sfta_edge.documents.chunking import Chunk, CountTokens, chunk_pages
from sfta_edge.documents.document import Page
from sfta_edge.documents.rules import ChunkRules
from sfta_edge.manifest import canonical_json

_PAGE_FIELDS = ("number", "text", "width", "height", "lines")


def chunk_document(
    document: Mapping[str, Any], count_tokens: CountTokens, rules: ChunkRules
) -> list[dict[str, Any]]:
    """The chunk records of one document record, in reading order."""
    pages = [Page.from_json(page) for page in document["pages"]]
    chunks = chunk_pages(pages, count_tokens, rules)
    return [_record(document, chunk, ordinal) for ordinal, chunk in enumerate(chunks)]


def chunk_id(document_id: str, page: int, start: int, end: int, text: str) -> str:
    """First 16 hex digits of the digest of place and text: the same chunk, the same id."""
    return hashlib.sha256(canonical_json([document_id, page, start, end, text])).hexdigest()[
        :16
    ]


def without_blocks(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what a knowledge file holds of its pages: no blocks, no flags."""
    pages = [{name: page[name] for name in _PAGE_FIELDS} for page in document["pages"]]
    return {**document, "pages": pages}


def _record(document: Mapping[str, Any], chunk: Chunk, ordinal: int) -> dict[str, Any]:
    place = (document["id"], chunk.page, chunk.start, chunk.end, chunk.text)
    return {
        "id": chunk_id(*place),
        "document_id": document["id"],
        "title": document["title"],
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "heading": chunk.heading,
        "text": chunk.text,
        "tokens": chunk.tokens,
        "ordinal": ordinal,
        "table_header": chunk.table_header,
    }
