"""ClapNQ (Rosenthal et al., 2024): long answers with the sentences that they rest on.

``{"id", "input", "passages": [{"title", "text", "sentences"}], "output": [{"answer",
"selected_sentences", "meta"}]}``; an unanswerable question has only empty answers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import (
    Imported,
    LeftOutError,
    Notes,
    Passage,
    distinct,
    identifier,
    optional_text,
    records_of,
    text_of,
    texts_of,
)

SIGNS = ("input", "passages", "output")


def clapnq(entry: Entry, _notes: Notes) -> Iterator[Imported]:
    """One question with its passage; every annotator's answer is an accepted one."""
    record = entry.value
    passages = tuple(_passage(passage) for passage in records_of(record, "passages"))
    if not passages:
        raise LeftOutError("no passage is given")
    written = records_of(record, "output")
    answers = distinct([a for a in (optional_text(o, "answer") for o in written) if a])
    chosen = [s for o in written if o.get("selected_sentences") for s in _sentences(o)]
    named = tuple(p for p in passages if any(s in p.text for s in chosen))
    yield Imported(
        id=identifier(record, "id"),
        question=text_of(record, "input"),
        answers=answers,
        passages=passages,
        oracles=(named or passages) if answers else (),
        kind="answerable" if answers else "unanswerable",
        group=passages[0].id,
    )


def _passage(record: Mapping[str, Any]) -> Passage:
    text = optional_text(record, "text") or " ".join(texts_of(record, "sentences"))
    return Passage(optional_text(record, "title"), text_of({"text": text}, "text"))


def _sentences(output: Mapping[str, Any]) -> list[str]:
    return texts_of(output, "selected_sentences")
