"""RGB (Chen et al., 2024): noise, rejection, integration of several parts, wrong documents.

``{"id", "query", "answer", "positive": [..], "negative": [..]}``. Every item of `answer` is needed,
a list among them holds alternatives. Of the integration set `positive` is a list for each part.
The counterfactual set has `positive_wrong`, passages that say `fakeanswer` instead.

A record asks up to three things of a model: to find the answer among noise, to notice that noise
alone does not hold it, and not to follow wrong passages. Each is a question of its own kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any

from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import (
    Imported,
    Notes,
    Passage,
    UnusableError,
    content_id,
    distinct,
    identifier,
    text_of,
    texts_of,
    whole,
)

SIGNS = ("query", "positive", "negative")
_COMBINATIONS = 12


def rgb(entry: Entry, notes: Notes) -> Iterator[Imported]:
    """The questions that a record asks."""
    record, name = entry.value, identifier(entry.value, "id")
    parts = _parts(record)
    positive = [_passages(group) for group in _groups(record)]
    negative = _passages(texts_of(record, "negative"))
    right = tuple(passage for group in positive for passage in group)
    asked = Imported(
        id=name,
        question=text_of(record, "query"),
        answers=_answers(parts),
        passages=_shuffled(name, right + negative),
        oracles=right,
        needed=tuple(group[0] for group in positive) if len(positive) > 1 else (),
        kind="integration" if len(parts) > 1 else "noise",
        group=name,
    )
    if len(parts) > 1:
        notes.remarks["the answer has several parts, written as one text"] += 1
    if right:
        yield asked
    bare = replace(asked, oracles=(), needed=(), own_passages_only=True)
    if negative:
        yield replace(
            bare,
            id=f"{name}-rejection",
            answers=(),
            passages=_shuffled(f"{name}-rejection", negative),
            kind="rejection",
        )
    if wrong := _passages(_optional_texts(record, "positive_wrong")):
        mixed = _shuffled(f"{name}-counterfactual", wrong + negative)
        counterfactual = replace(
            bare, id=f"{name}-counterfactual", passages=mixed, kind="counterfactual"
        )
        yield replace(counterfactual, needed=wrong[:1])


def _parts(record: Mapping[str, Any]) -> list[list[str]]:
    """The alternatives of every part."""
    value = record.get("answer")
    parts = [[i] if isinstance(i, str) else i for i in _listed(value)]
    spelled = [texts_of({"answer": part}, "answer") for part in parts]
    if not spelled or not all(spelled):
        raise UnusableError("'answer' must be a text, or a list of texts and of alternatives")
    return spelled


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _answers(parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One text that holds all parts, for the first combinations of alternatives."""
    if len(parts) == 1:
        return distinct(parts[0])
    chosen = islice(product(*parts), _COMBINATIONS)
    return distinct([f"{', '.join(c[:-1])} and {c[-1]}" for c in chosen])


def _groups(record: Mapping[str, Any]) -> list[list[str]]:
    value = record.get("positive")
    if isinstance(value, list) and value and all(isinstance(group, list) for group in value):
        return [g for g in (texts_of({"positive": group}, "positive") for group in value) if g]
    return [texts] if (texts := texts_of(record, "positive")) else []


def _optional_texts(record: Mapping[str, Any], key: str) -> list[str]:
    return texts_of(record, key) if record.get(key) else []


def _passages(texts: Sequence[str]) -> tuple[Passage, ...]:
    return tuple(Passage("", whole(text)) for text in distinct(texts))


def _shuffled(name: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The file lists right passages first; an answer must not be told by its place."""
    return tuple(sorted(passages, key=lambda passage: content_id(name, passage.id)))
