"""SQuAD 1.1 and 2.0 (Rajpurkar et al., 2016 and 2018).

``{"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text",
"answer_start"}], "is_impossible"}]}]}]}``. `plausible_answers` are wrong ones and stay unread.
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
    distinct,
    identifier,
    optional_text,
    records_of,
    text_of,
)

SIGNS = ("paragraphs",)


def squad(entry: Entry, notes: Notes) -> Iterator[Imported]:
    """The questions of an article, each with the paragraph that it is about."""
    title = optional_text(entry.value, "title").replace("_", " ")
    for number, paragraph in enumerate(records_of(entry.value, "paragraphs"), 1):
        with notes.at(f"{entry.place}, paragraph {number}"):
            passage = Passage(title, text_of(paragraph, "context"))
            for asked in records_of(paragraph, "qas"):
                place = f"{entry.place}, paragraph {number}, question {asked.get('id')!r}"
                with notes.at(place):
                    yield _question(asked, passage)


def _question(asked: Mapping[str, Any], passage: Passage) -> Imported:
    impossible = asked.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise UnusableError("'is_impossible' must be true or false")
    answers = () if impossible else distinct(_answers(asked))
    if not answers and not impossible:
        raise LeftOutError("no answer is given")
    return Imported(
        id=identifier(asked, "id"),
        question=text_of(asked, "question"),
        answers=answers,
        passages=(passage,),
        oracles=(passage,) if answers else (),
        kind="unanswerable" if impossible else "answerable",
        group=passage.id,
    )


def _answers(asked: Mapping[str, Any]) -> list[str]:
    if "answers" not in asked:
        return []
    return [text_of(answer, "text") for answer in records_of(asked, "answers")]
