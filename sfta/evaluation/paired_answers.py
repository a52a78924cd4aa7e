"""The answers of two reports to the same questions, side by side."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sfta.evaluation.aggregate import COLUMNS, Array
from sfta_edge.errors import IntegrityError

_MOST_BYTES = 1 << 30
_TEXTS = ("id", "arm", "question", "completion", "cluster")


@dataclass(frozen=True, slots=True)
class Line:
    """One question, answered by one arm."""

    id: str
    arm: str
    question: str
    answers: tuple[str, ...]
    """Accepted; none where the documents hold no answer."""
    completion: str
    right: bool
    cluster: str
    tally: Mapping[str, float]

    def asks_as(self, other: "Line") -> bool:
        """Whether both mean one question."""
        return (self.question, sorted(self.answers)) == (other.question, sorted(other.answers))


Lines = Mapping[str, Mapping[str, Line]]
"""By arm, then by question."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The questions that two reports have in common, or why they cannot be paired."""

    first: Lines = field(default_factory=dict)
    second: Lines = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    """Asked in both, with the same accepted answers; in the order of the first report."""
    notes: tuple[str, ...] = ()

    def clusters(self) -> list[str]:
        """Of each question, as the first report has them."""
        lines = next(iter(self.first.values()))
        return [lines[name].cluster for name in self.ids]

    def tables(self, arm: str) -> tuple[Array, Array]:
        """(questions, columns) of both reports; NaN in a column that a report has not."""
        first, second = (
            np.array(
                [[lines[arm][name].tally.get(c, np.nan) for c in COLUMNS] for name in self.ids]
            )
            for lines in (self.first, self.second)
        )
        return first, second

    def right(self, arm: str) -> tuple[list[bool], list[bool]]:
        """Right or wrong, in both reports."""
        first, second = (
            [lines[arm][name].right for name in self.ids] for lines in (self.first, self.second)
        )
        return first, second


def pair_answers(first: Path, second: Path, arms: Sequence[str]) -> Pairs:
    """Pair the answers of two report folders.

    Args:
        first: folder of a report.
        second: folder of another.
        arms: that both have.

    Raises:
        IntegrityError: a file with answers cannot be read.
    """
    both = [_read(path, arms) for path in (first, second)]
    if not arms or not all(set(arms) <= set(lines) for lines in both):
        return Pairs(notes=(_UNPAIRED,))
    one, other = (_of_every_arm(lines) for lines in both)
    ids = [name for name in one if name in other and one[name].asks_as(other[name])]
    if not ids:
        return Pairs(notes=("the reports have no question in common, so nothing is paired",))
    counts = ((len(one) - len(ids), "first"), (len(other) - len(ids), "second"))
    notes = [
        f"{count} questions are only in the {which} report" for count, which in counts if count
    ]
    return Pairs(both[0], both[1], tuple(ids), tuple(notes))


_UNPAIRED = (
    "the answers are not beside both reports, or an earlier version wrote them: intervals are "
    "compared, which finds less than a paired test"
)


def drawn(ids: Sequence[str], most: int, seed: int) -> list[str]:
    """Some questions, drawn by a hash of their ids, in the order of the report."""
    order = sorted(ids, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    kept = set(order[:most])
    return [name for name in ids if name in kept]


def _of_every_arm(lines: Lines) -> dict[str, Line]:
    """Questions that every arm has answered, once each."""
    arms = list(lines.values())
    return {
        name: line for name, line in arms[0].items() if all(name in other for other in arms)
    }


def _read(folder: Path, arms: Sequence[str]) -> dict[str, dict[str, Line]]:
    """Lines of these arms; nothing if the file is missing or has no tallies."""
    file = folder / "answers.jsonl"
    if not file.is_file():
        return {}
    if file.stat().st_size > _MOST_BYTES:
        raise IntegrityError(f"{file} is larger than any report: over {_MOST_BYTES >> 20} MiB")
    found: dict[str, dict[str, Line]] = {}
    for number, facts in _objects(file):
        if facts.get("arm") in arms:
            if "tally" not in facts:
                return {}
            line = _line(facts, f"{file}, line {number}")
            found.setdefault(line.arm, {})[line.id] = line
    return found


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            try:
                facts = json.loads(raw)
            except (ValueError, RecursionError) as error:
                raise IntegrityError(f"{file}, line {number}: not JSON: {error}") from error
            if not isinstance(facts, dict):
                raise IntegrityError(f"{file}, line {number}: not an object")
            yield number, facts


def _line(facts: Mapping[str, Any], place: str) -> Line:
    tally, answers = facts["tally"], facts.get("answers")
    sound = (
        all(isinstance(facts.get(name), str) for name in _TEXTS)
        and isinstance(facts.get("right"), bool)
        and isinstance(answers, list)
        and all(isinstance(answer, str) for answer in answers)
        and isinstance(tally, dict)
        and all(type(v) in (int, float) and np.isfinite(v) for v in tally.values())
    )
    if not sound or not isinstance(answers, list):
        raise IntegrityError(f"{place}: not a judged answer")
    texts = {name: facts[name] for name in _TEXTS}
    return Line(**texts, answers=tuple(answers), right=facts["right"], tally=tally)
