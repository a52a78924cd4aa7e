"""What is drawn as one piece when a benchmark is resampled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sfta.evaluation.cases import Case

FEW_CLUSTERS = 15
"""With fewer, percentile intervals over clusters are unreliable."""
Level = Literal["document", "page", "question"]
_LEVELS: tuple[Level, ...] = ("document", "page", "question")


@dataclass(frozen=True, slots=True)
class Clusters:
    """The cluster of every question."""

    level: Level
    names: list[str]
    """One per question; an unanswerable one is alone, unless the benchmark groups it."""
    answered: int
    """Clusters that hold an answerable question."""


def clusters_of(cases: Sequence[Case], wanted: Literal["auto"] | Level) -> Clusters:
    """Clusters at one level; `auto` is the coarsest that has enough of them."""
    for level in _LEVELS:
        found = _at(level, cases)
        if wanted == level or (wanted == "auto" and found.answered >= FEW_CLUSTERS):
            return found
    return _at("question", cases)


def _at(level: Level, cases: Sequence[Case]) -> Clusters:
    names = {
        "document": [case.oracle.group for case in cases],
        "page": [case.oracle.page_group for case in cases],
        "question": [case.question.id for case in cases],
    }[level]
    pairs = zip(cases, names, strict=True)
    return Clusters(
        level, names, len({name for case, name in pairs if case.question.answerable})
    )
