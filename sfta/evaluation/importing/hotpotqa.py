"""HotpotQA (Yang et al., 2018), distractor and full-wiki setting.

``[{"_id", "question", "answer", "supporting_facts": [[title, sentence]], "context": [[title,
[sentences]]], "type", "level"}]``. The answer needs every supporting paragraph.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import (
    Imported,
    LeftOutError,
    Notes,
    Passage,
    UnusableError,
    identifier,
    optional_text,
    text_of,
    whole,
)

SIGNS = ("_id", "question", "context")


def hotpotqa(entry: Entry, _notes: Notes) -> Iterator[Imported]:
    """One question with its paragraphs, in the order of the file, which is a shuffled one."""
    record = entry.value
    if not record.get("answer") or not record.get("supporting_facts"):
        raise LeftOutError("no answer is given")
    passages = _paragraphs(record)
    supporting = _titles(record)
    if not supporting <= set(passages):
        raise LeftOutError("a supporting paragraph is not among its paragraphs")
    oracles = tuple(passages[title] for title in passages if title in supporting)
    yield Imported(
        id=identifier(record, "_id"),
        question=text_of(record, "question"),
        answers=(text_of(record, "answer"),),
        passages=tuple(passages.values()),
        oracles=oracles,
        needed=oracles,
        all_oracles=True,
        kind=optional_text(record, "type"),
    )


def _paragraphs(record: Mapping[str, Any]) -> dict[str, Passage]:
    found: dict[str, Passage] = {}
    pairs = record["context"]
    if not isinstance(pairs, list) or not all(_is_paragraph(pair) for pair in pairs):
        raise UnusableError("'context' must be a list of [title, [sentences]]")
    for pair in pairs:
        title, sentences = pair
        if text := whole("".join(sentences)).strip():
            found.setdefault(whole(title), Passage(whole(title).strip(), text))
    return found


def _is_paragraph(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], list)
        and all(isinstance(sentence, str) for sentence in pair[1])
    )


def _titles(record: Mapping[str, Any]) -> set[str]:
    facts = record["supporting_facts"]
    if not isinstance(facts, list) or not all(
        isinstance(fact, list) and fact and isinstance(fact[0], str) for fact in facts
    ):
        raise UnusableError("'supporting_facts' must be a list of [title, sentence number]")
    return {whole(fact[0]) for fact in facts}
