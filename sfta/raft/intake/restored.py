"""Rows that SFTA wrote in another tool's format, read back as the rows they were."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake.exchange import Exchange, labels_of
from sfta.raft.neutral import original
from sfta.raft.provenance import KEY, text_digest

_CHANGED = "take the key out to read the row as plain text"


def restored(
    exchange: Exchange, record: Mapping[str, Any], holder: str | None, problems: list[str]
) -> Exchange:
    """The exchange with the context and the labels that its provenance tells.

    Args:
        exchange: what the record says as plain text.
        record: the record; left as it is without provenance.
        holder: the field in which the documents stand; none: the exchange has its chunks.
        problems: gets what does not agree with the provenance.
    """
    given = record.get(KEY)
    if given is None:
        return exchange
    if not isinstance(given, dict):
        problems.append(f"{KEY}: must be an object")
        return exchange
    labels = {**labels_of(given, problems), **exchange.labels}
    exchange = replace(exchange, labels=labels)
    sources = given.get("sources") or []
    if not sources:
        return exchange
    try:
        chunks = _chunks(sources, holder, exchange.chunks, problems)
        roles = tuple(str(source["role"]) for source in sources)
        question = str(given["question"])
    except (KeyError, TypeError, ValueError) as error:
        problems.append(f"{KEY}: is not as it was written ({error}); {_CHANGED}")
        return exchange
    if _one_line(question) not in _one_line(exchange.question):
        problems.append(f"{KEY}.question: is not the question of the row; {_CHANGED}")
    return replace(exchange, question=question, chunks=chunks, roles=roles)


def _chunks(
    sources: Sequence[Mapping[str, Any]],
    holder: str | None,
    known: Sequence[CorpusChunk],
    problems: list[str],
) -> tuple[CorpusChunk, ...]:
    if holder is None:
        texts = [chunk.text for chunk in known]
    else:
        texts = [holder[source["start"] : source["end"]] for source in sources]
    if len(texts) != len(sources):
        raise ValueError(f"{len(sources)} sources, {len(texts)} documents")
    chunks = []
    for number, (source, text) in enumerate(zip(sources, texts, strict=True)):
        if text_digest(text) != source["sha256"]:
            problems.append(f"{KEY}.sources[{number}]: its text was changed; {_CHANGED}")
        chunks.append(_chunk(source, text))
    return tuple(chunks)


def _chunk(source: Mapping[str, Any], text: str) -> CorpusChunk:
    return CorpusChunk(
        id=str(source["chunk_id"]),
        document_id=str(source["document_id"]),
        title=str(source["document"]),
        page=int(source["page"]),
        start=0,
        end=len(original(text)),
        heading=str(source["heading"]),
        text=text,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
