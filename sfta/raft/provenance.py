"""Where a row comes from, kept beside its text in whatever format it leaves.

``provenance`` of a record holds the row's id, kind, split, group and teacher, and for each
chunk of its context the document, the page, the chunk's id and role, the digest of its text,
and, where one field of the record holds all documents, the place of the text in that field.
With that a record can be read back as the row it was.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sfta.raft.corpus import CorpusChunk

KEY = "provenance"
_OF_ROW = ("kind", "split", "group", "teacher", "question")
_DIGEST_CHARACTERS = 16


def provenance_of(
    row: Mapping[str, Any], chunks: Sequence[CorpusChunk], spans: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """The value under ``provenance``; `spans` are the places of the chunks' texts, or empty."""
    sources = [_source(c, entry) for c, entry in zip(chunks, row["context"], strict=True)]
    for source, (start, end) in zip(sources, spans, strict=False):
        source |= {"start": start, "end": end}
    return {"row": row["id"], **{name: row[name] for name in _OF_ROW}, "sources": sources}


def with_texts(row: Mapping[str, Any], chunks: Sequence[CorpusChunk]) -> dict[str, Any]:
    """The row, with the text and the place of every chunk in its context."""
    context = [
        {
            "chunk_id": chunk.id,
            "role": entry["role"],
            "document_id": chunk.document_id,
            "title": chunk.title,
            "page": chunk.page,
            "heading": chunk.heading,
            "start": chunk.start,
            "end": chunk.end,
            "text": chunk.text,
        }
        for chunk, entry in zip(chunks, row["context"], strict=True)
    ]
    return {**row, "context": context}


def text_digest(text: str) -> str:
    """First 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]


def _source(chunk: CorpusChunk, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chunk_id": chunk.id,
        "role": entry["role"],
        "document_id": chunk.document_id,
        "document": chunk.title,
        "page": chunk.page,
        "heading": chunk.heading,
        "sha256": text_digest(chunk.text),
    }
