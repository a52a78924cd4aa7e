"""A table with a question and its answer in each row.

A cell of answers holds one answer, several with `` | `` between them, or a JSON list of texts.
Where the answer stands is told by a page (`document` and `page`) or by its text (`context`).
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from sfta.core.columns import Columns, recognise
from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import (
    Imported,
    LeftOutError,
    Notes,
    Passage,
    UnusableError,
    content_id,
    distinct,
    optional_text,
    text_of,
    texts_of,
)

NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "question_id", "qid"),
    "question": ("question", "prompt", "query", "input"),
    "answer": ("answer", "answers", "response", "expected_answer", "ground_truth", "output"),
    "answerable": ("answerable",),
    "document": ("document", "file", "source"),
    "page": ("page",),
    "context": ("context", "passage"),
    "title": ("title",),
    "reference": ("reference", "long_answer"),
    "kind": ("kind", "type", "category"),
    "group": ("group",),
}
"""What a column may be, and the names by which it is recognised, in order."""
NEEDED = ("question", "answer")
_TRUE, _FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")


def columns_of(
    record: Mapping[str, Any], given: Mapping[str, str]
) -> tuple[Columns, list[str]]:
    """Which columns are read, and what is wrong with them."""
    return recognise(record, given, NAMES, NEEDED)


def reader(columns: Columns) -> partial[Iterator[Imported]]:
    """What reads the rows of a table with these columns."""
    return partial(_row, columns.names)


def _row(names: Mapping[str, str], entry: Entry, _notes: Notes) -> Iterator[Imported]:
    values = {part: _cell(entry.value.get(name)) for part, name in names.items()}
    if not optional_text(values, "question"):
        raise LeftOutError("no question is given")
    question = text_of(values, "question")
    answers = distinct(_answers(values["answer"]))
    if not _answerable(values, answers):
        answers = ()
    elif not answers:
        raise LeftOutError("no answer is given")
    passages = _passages(values)
    page = () if passages else _page(values)
    yield Imported(
        id=optional_text(values, "id") or content_id(question),
        question=question,
        answers=answers,
        passages=passages,
        oracles=passages if answers else (),
        reference=optional_text(values, "reference") if answers else "",
        kind=optional_text(values, "kind"),
        group=optional_text(values, "group"),
        pages=page if answers else (),
    )


def _cell(value: object) -> object:
    """A value of JSON lines as a cell: numbers are texts, lists of texts are what they are."""
    if isinstance(value, str) or value is None:
        return (value or "").strip()
    if isinstance(value, bool):
        return str(value).casefold()
    return str(value) if isinstance(value, int | float) else value


def _answers(cell: object) -> list[str]:
    if isinstance(cell, list):
        return texts_of({"answer": cell}, "answer")
    text = optional_text({"answer": cell}, "answer")
    if text.startswith("["):
        try:
            return texts_of({"answer": json.loads(text)}, "answer")
        except (ValueError, RecursionError, UnusableError):
            return [text]  # an answer that begins with a bracket
    return [part.strip() for part in text.split(" | ") if part.strip()]


def _answerable(values: Mapping[str, object], answers: tuple[str, ...]) -> bool:
    told = str(values.get("answerable") or "").casefold()
    if not told or told in _TRUE:
        return True
    if told not in _FALSE:
        raise UnusableError(f"'answerable' must be yes or no, not {told!r}")
    if answers:
        raise UnusableError("is not answerable but has an answer")
    return False


def _passages(values: Mapping[str, Any]) -> tuple[Passage, ...]:
    text = optional_text(values, "context")
    title = optional_text(values, "title") or optional_text(values, "document")
    return (Passage(title, text),) if text else ()


def _page(values: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    document, page = optional_text(values, "document"), str(values.get("page") or "")
    if not document:
        if page:
            raise UnusableError(f"names page {page} of no document")
        return ()
    number = page.removesuffix(".0")
    if not number.isdecimal() or int(number) < 1:
        raise UnusableError(f"'page' must be a page of {document!r}, from 1, not {page!r}")
    return ((document, int(number)),)
