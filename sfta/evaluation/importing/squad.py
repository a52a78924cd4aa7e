"""SQuAD 1.1 and 2.0 (Rajpurkar et al., 2016 and 2018).

``{"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text",
"answer_start"}], "is_impossible"}]}]}]}``. `plausible_answers` are wrong ones and stay unread.

Data hubs hold the same by question: ``{"id", "title", "context", "question", "answers": {"text":
[..]}}``. There a question without a text is unanswerable.
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
    texts_of,
)

SIGNS = ("paragraphs",)
SIGNS_ROW = ("context", "question", "answers")


def squad(entry: Entry, notes: Notes) -> Iterator[Imported]:
    """The questions of an article, each with the paragraph that it is about."""
    title = optional_text(entry.value, "title").replace("_", " ")
    for number, paragraph in enumerate(records_of(entry.value, "paragraphs"), 1):
        with notes.at(f"{entry.place}, paragraph {number}"):
            passage = Passage(title, text_of(paragraph, "context"))
            for asked in records_of(paragraph, "qas"):
                place = f"{entry.place}, paragraph {number}, question {asked.get('id')!r}"
                with notes.at(place):
                    yield _asked(asked, passage)


def squad_row(entry: Entry, _notes: Notes) -> Iterator[Imported]:
    """The question of a row, with its paragraph."""
    row = entry.value
    title = optional_text(row, "title").replace("_", " ")
    if not isinstance(row.get("answers"), dict):
        raise UnusableError("'answers' must hold a list 'text'")
    answers = distinct(texts_of(row["answers"], "text"))
    yield _question(row, Passage(title, text_of(row, "context")), answers)


def _asked(asked: Mapping[str, Any], passage: Passage) -> Imported:
    impossible = asked.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise UnusableError("'is_impossible' must be true or false")
    answers = () if impossible else distinct(_answers(asked))
    if not answers and not impossible:
        raise LeftOutError("no answer is given")
    return _question(asked, passage, answers)


def _question(asked: Mapping[str, Any], passage: Passage, answers: tuple[str, ...]) -> Imported:
    return Imported(
        id=identifier(asked, "id"),
        question=text_of(asked, "question"),
        answers=answers,
        passages=(passage,),
        oracles=(passage,) if answers else (),
        kind="answerable" if answers else "unanswerable",
        group=passage.id,
    )


def _answers(asked: Mapping[str, Any]) -> list[str]:
    if "answers" not in asked:
        return []
    return [text_of(answer, "text") for answer in records_of(asked, "answers")]
