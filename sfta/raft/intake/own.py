"""SFTA's own rows, with the texts of their chunks in the row or beside it."""

from collections.abc import Mapping
from typing import Any

from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake.exchange import Exchange, is_text, labels_of, optional_text, text_of
from sfta.raft.intake.tagged import plain_chunk

_ROLES = ("oracle", "distractor")


def own_row(
    record: Mapping[str, Any], known: Mapping[str, CorpusChunk], problems: list[str]
) -> list[Exchange]:
    """A RAFT row; a chunk without text in the row is looked up in `known`."""
    question = text_of(record, "question", problems)
    completion = text_of(record, "completion", problems)
    labels = labels_of(record, problems)
    if reason := optional_text(record, "rejected_because", problems):
        problems.append(f"rejected_because: the row was turned away ({reason})")
    context = record.get("context")
    if not isinstance(context, list):
        problems.append("context: must be a list, empty for a row without documents")
        context = []
    chunks, roles = [], []
    for number, entry in enumerate(context):
        chunk = _chunk(entry, f"context[{number}]", known, problems)
        if chunk is not None:
            chunks.append(chunk)
            roles.append(str(entry["role"]))
    if problems:
        return []
    return [Exchange(question, completion, "", tuple(chunks), tuple(roles), labels)]


def _chunk(
    entry: object, place: str, known: Mapping[str, CorpusChunk], problems: list[str]
) -> CorpusChunk | None:
    if not isinstance(entry, dict):
        problems.append(f"{place}: must be an object with chunk_id and role")
        return None
    if entry.get("role") not in _ROLES:
        problems.append(f"{place}.role: {entry.get('role')!r} is not oracle or distractor")
    name, text = entry.get("chunk_id"), entry.get("text")
    if text is None:
        if not is_text(name) or name not in known:
            problems.append(f"{place}: the text of chunk {name!r} is neither here nor beside")
            return None
        return known[str(name)] if entry.get("role") in _ROLES else None
    if not is_text(text):
        problems.append(f"{place}.text: must be a text that is not empty")
        return None
    return _given(entry, str(text), place, problems)


def _given(
    entry: Mapping[str, Any], text: str, place: str, problems: list[str]
) -> CorpusChunk | None:
    before = len(problems)
    texts = {name: entry.get(name) or "" for name in ("title", "heading")}
    problems += [
        f"{place}.{name}: must be a text"
        for name, value in texts.items()
        if not isinstance(value, str)
    ]
    numbers = {
        name: entry.get(name, default)
        for name, default in (("page", 1), ("start", 0), ("end", len(text)))
    }
    problems += [
        f"{place}.{name}: must be a whole number"
        for name, value in numbers.items()
        if not isinstance(value, int) or isinstance(value, bool) or value < 0
    ]
    if len(problems) > before or entry.get("role") not in _ROLES:
        return None
    plain = plain_chunk(text, texts["title"], numbers["page"])
    return CorpusChunk(
        id=str(entry.get("chunk_id") or plain.id),
        document_id=str(entry.get("document_id") or plain.document_id),
        heading=texts["heading"],
        title=texts["title"],
        text=text,
        **numbers,
    )
