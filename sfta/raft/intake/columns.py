"""Tables: which column is the question, which the answer, and what else a row may bring."""

from collections.abc import Collection, Mapping
from typing import Any

from sfta.core import columns
from sfta.core.columns import Columns
from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake.exchange import Exchange, labels_of, optional_text, text_of
from sfta.raft.intake.tagged import plain_chunk

NAMES: dict[str, tuple[str, ...]] = {
    "question": ("question", "prompt", "instruction", "query", "input", "user"),
    "answer": ("answer", "response", "completion", "output", "reply", "assistant"),
    "context": ("context", "passage"),
    "title": ("title", "document"),
    "page": ("page",),
    "system": ("system",),
    "kind": ("kind", "type", "category"),
    "group": ("group",),
    "split": ("split",),
    "teacher": ("teacher",),
}
"""What a row may bring, and the names by which a column is recognised, in order."""
NEEDED = ("question", "answer")


def recognise(present: Collection[str], given: Mapping[str, str]) -> tuple[Columns, list[str]]:
    """Columns by the names that were given, else by their usual ones, and what is wrong.

    `given` maps what a column is to its name in the file.
    """
    return columns.recognise(present, given, NAMES, NEEDED)


def table_row(record: Mapping[str, Any], found: Columns, problems: list[str]) -> list[Exchange]:
    """One row of a table; a context column is the oracle chunk."""
    values = {part: record.get(name) for part, name in found.names.items()}
    wrong: list[str] = []
    question, answer = text_of(values, "question", wrong), text_of(values, "answer", wrong)
    texts = {
        name: optional_text(values, name, wrong) for name in ("context", "title", "system")
    }
    page, labels = _page(values.get("page"), wrong), labels_of(values, wrong)
    if wrong:
        problems += [_by_column(problem, found) for problem in wrong]
        return []
    chunks: tuple[CorpusChunk, ...] = ()
    if texts["context"]:
        chunks = (plain_chunk(texts["context"], texts["title"] or "Document", page),)
    roles = ("oracle",) * len(chunks)
    return [Exchange(question, answer, texts["system"], chunks, roles, labels)]


def _page(value: object, problems: list[str]) -> int:
    if value is None or value == "":
        return 1
    if isinstance(value, bool) or not str(value).strip().isdecimal():
        problems.append(f"page: {value!r} is not a page number")
        return 1
    return int(str(value))


def _by_column(problem: str, found: Columns) -> str:
    """Say the name the reader knows."""
    part, _, rest = problem.partition(":")
    return f"{found.names.get(part, part)}:{rest}"
