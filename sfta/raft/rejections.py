"""Rows that a person has turned away.

A line of the file names a row by its id and tells its question and answer. Ids come from
content: when a setting deals the contexts anew, the same question comes back under another id.
Such a line is not stale: it holds for every row with its question and answer. A line whose
question is not asked any more, not even by what the filters turned away, is an error, because
it was made for another dataset.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BY_HAND = "by hand: "
_NO_REASON = "no reason given"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One line of the file."""

    id: str
    reason: str
    question: str = ""
    answer: str = ""


@dataclass(slots=True)
class Sorted:
    """Rows after a person has been through them."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    """With the reason; their ids stay, so that they can be taken back."""
    unknown: list[str] = field(default_factory=list)
    """Ids of lines that hold for nothing here."""
    already: int = 0
    """Lines whose question the filters have turned away as well."""


def parse_rejections(text: str) -> tuple[list[Rejection], list[str]]:
    """The lines of a rejections file, and what is wrong with it by line."""
    found: dict[str, Rejection] = {}
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        rejection, problem = _parse(line)
        if rejection is None:
            problems.append(f"line {number}: {problem}")
        else:
            found.setdefault(rejection.id, rejection)
    return list(found.values()), problems


def sort_out(
    rows: Sequence[Mapping[str, Any]],
    rejections: Iterable[Rejection],
    turned_away: Iterable[str],
) -> Sorted:
    """Take the rejected rows out; `turned_away` are questions that the filters rejected."""
    result = Sorted()
    ids = {str(row["id"]) for row in rows}
    asked: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        asked.setdefault((row["question"], row["answer"]), []).append(str(row["id"]))
    lost = set(turned_away)
    reasons: dict[str, str] = {}
    for rejection in rejections:
        same = asked.get((rejection.question, rejection.answer), [])
        if rejection.id in ids:
            reasons[rejection.id] = rejection.reason
        elif same:
            reasons.update(dict.fromkeys(same, rejection.reason))
        elif rejection.question in lost:
            result.already += 1
        else:
            result.unknown.append(rejection.id)
    for row in rows:
        reason = reasons.get(str(row["id"]))
        if reason is None:
            result.kept.append(dict(row))
        else:
            result.rejected.append({**row, "rejected_because": f"{BY_HAND}{reason}"})
    return result


def _parse(line: str) -> tuple[Rejection | None, str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"is not JSON: {error}"
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        return None, "must be an object with the id of a row"
    texts = {name: record.get(name) or "" for name in ("reason", "question", "answer")}
    if wrong := [name for name, value in texts.items() if not isinstance(value, str)]:
        return None, f"{wrong[0]} must be a text"
    reason = " ".join(texts.pop("reason").split()) or _NO_REASON
    return Rejection(record["id"], reason, **texts), ""
