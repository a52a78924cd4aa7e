"""Tables: which column is the question, which the answer, and what else a row may bring."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that are read."""

    names: Mapping[str, str]
    """By what they are: question, answer, context, ..."""
    unread: tuple[str, ...]
    """Columns of the file that are not read."""


def recognise(present: Collection[str], given: Mapping[str, str]) -> tuple[Columns, list[str]]:
    """Columns by the names that were given, else by their usual ones, and what is wrong.

    `given` maps what a column is to its name in the file.
    """
    problems = [
        f"there is no column {name!r} for {part}{_near(name, present)}"
        for part, name in given.items()
        if name not in present
    ]
    problems += [
        f"{part!r} is not one of {', '.join(NAMES)}" for part in given if part not in NAMES
    ]
    found = {part: name for part, name in given.items() if part in NAMES and name in present}
    spelled = {name.strip().casefold(): name for name in present}
    for part, usual in NAMES.items():
        free = [n for n in usual if n in spelled and spelled[n] not in found.values()]
        if part not in given and free:
            found[part] = spelled[free[0]]
    problems += [
        f"no column is recognised as the {part} (columns: {', '.join(sorted(present))})"
        for part in NEEDED
        if part not in found and part not in given
    ]
    unread = tuple(name for name in present if name not in found.values())
    return Columns(found, unread), problems


def table_row(
    record: Mapping[str, Any], columns: Columns, problems: list[str]
) -> list[Exchange]:
    """One row of a table; a context column is the oracle chunk."""
    values = {part: record.get(name) for part, name in columns.names.items()}
    wrong: list[str] = []
    question, answer = text_of(values, "question", wrong), text_of(values, "answer", wrong)
    texts = {
        name: optional_text(values, name, wrong) for name in ("context", "title", "system")
    }
    page, labels = _page(values.get("page"), wrong), labels_of(values, wrong)
    if wrong:
        problems += [_by_column(problem, columns) for problem in wrong]
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


def _by_column(problem: str, columns: Columns) -> str:
    """Say the name the reader knows."""
    part, _, rest = problem.partition(":")
    return f"{columns.names.get(part, part)}:{rest}"


def _near(name: str, present: Collection[str]) -> str:
    close = get_close_matches(name, present, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
