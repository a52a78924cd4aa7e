"""Whether training has cost general knowledge: a small set of everyday questions, before and after.

The base model and the trained one answer the same questions with a plain prompt: no documents, no
word of a refusal or of an answer form. A right reply contains an accepted answer; exact ones are
counted beside it. Refusals are counted apart: what a model declines to say it may still know.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from sfta.evaluation.metrics import contains, exact_match, looks_like_refusal
from sfta.evaluation.questions import Question, read_questions
from sfta.evaluation.statistics import (
    CONFIDENCE,
    Estimate,
    McNemar,
    Resampling,
    mcnemar,
    mean_estimate,
)
from sfta_edge.prompt import PromptContract

SYSTEM = "You are a helpful assistant. Answer the question briefly."
"""System text of the plain prompt."""
QUESTION = "{question}"
"""Wrapper of the question, in place of the contract's."""
MAX_TOKENS = 48
"""Longest reply."""
_FILE = "general.jsonl"
_FEW_RIGHT = 10  # of so few nothing much can be lost


@dataclass(frozen=True, slots=True)
class Change:
    """How many questions were right before and after training."""

    questions: int
    right_before: int
    right_after: int
    difference: Estimate
    """Share of right replies after training less that before, paired."""

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "questions": self.questions,
            "right_before": self.right_before,
            "right_after": self.right_after,
            "difference": self.difference.value,
            "interval": self.difference.interval,
        }


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What general knowledge was like before and after training."""

    overall: Change
    kinds: dict[str, Change]
    """In the order of their names."""
    test: McNemar
    """First: right before only; second: right after only."""
    exact_before: int
    exact_after: int
    refused_before: int
    refused_after: int

    @property
    def lost(self) -> bool:
        """Whether interval and test both say that fewer are right."""
        return self._clear and (self.overall.difference.high or 0.0) < 0.0

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        change, counts = self.overall, self._counts
        if self.lost:
            points = -100 * (change.difference.value or 0.0)
            said = f"Training has cost {points:.1f} points of general knowledge: {counts}."
        elif self._clear and (change.difference.low or 0.0) > 0.0:
            said = f"Training has cost no general knowledge: {counts}."
        else:
            said = f"Nothing measurable was forgotten: {counts}."
        if change.right_before < _FEW_RIGHT:
            said += " The base model knew so little that hardly anything could be lost."
        if more := max(0, self.refused_after - self.refused_before):
            said += f" {more} more replies than before are refusals."
        return said

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            **self.overall.facts(),
            "kinds": {name: change.facts() for name, change in self.kinds.items()},
            "exact_before": self.exact_before,
            "exact_after": self.exact_after,
            "refused_before": self.refused_before,
            "refused_after": self.refused_after,
            "right_before_only": self.test.only_first,
            "right_after_only": self.test.only_second,
            "p_value": self.test.p_value,
            "lost": self.lost,
            "sentence": self.sentence,
        }

    @property
    def _clear(self) -> bool:
        return self.test.p_value < 1 - CONFIDENCE

    @property
    def _counts(self) -> str:
        change = self.overall
        said = f"{change.right_before} of {change.questions} questions right before"
        said += f", {change.right_after} after"
        if (interval := change.difference.interval) is None:
            return said
        low, high = (100 * edge for edge in interval)
        return f"{said} (95 % interval of the difference {low:+.1f} to {high:+.1f} points)"


def general_questions() -> list[Question]:
    """The set that comes with the package: facts, arithmetic, language, instructions, sense."""
    with as_file(files("sfta.evaluation").joinpath(_FILE)) as path:
        return read_questions(path)


def plain(contract: PromptContract) -> PromptContract:
    """The contract of a model with nothing but the question in it."""
    return replace(contract, system=SYSTEM, question=QUESTION)


def forgetting(
    questions: Sequence[Question],
    before: Sequence[str],
    after: Sequence[str],
    *,
    refusal: str,
    resamples: int,
    seed: int,
) -> Forgetting:
    """Compare the replies of two models.

    Args:
        questions: that were asked without documents.
        before: replies of the base model, in their order.
        after: replies of the trained one.
        refusal: the contract's refusal sentence.
        resamples: behind each interval.
        seed: of the resamples.

    Raises:
        ValueError: there are not as many replies as questions, or no questions.
    """
    if not questions or not len(questions) == len(before) == len(after):
        counts = f"{len(questions)} questions, {len(before)} and {len(after)} replies"
        raise ValueError(f"every question needs two replies: {counts}")
    old, new = (_right(questions, replies) for replies in (before, after))
    by_kind: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        by_kind.setdefault(question.kind, []).append(place)
    return Forgetting(
        overall=_change(range(len(questions)), old, new, resamples, seed),
        kinds={
            name: _change(by_kind[name], old, new, resamples, seed) for name in sorted(by_kind)
        },
        test=mcnemar(old, new),
        exact_before=_exact(questions, before),
        exact_after=_exact(questions, after),
        refused_before=sum(looks_like_refusal(reply, refusal) for reply in before),
        refused_after=sum(looks_like_refusal(reply, refusal) for reply in after),
    )


def _right(questions: Sequence[Question], replies: Sequence[str]) -> list[bool]:
    return [
        contains(reply, question.answers) > 0
        for question, reply in zip(questions, replies, strict=True)
    ]


def _exact(questions: Sequence[Question], replies: Sequence[str]) -> int:
    pairs = zip(questions, replies, strict=True)
    return sum(exact_match(reply, question.answers) > 0 for question, reply in pairs)


def _change(
    places: Sequence[int], old: Sequence[bool], new: Sequence[bool], resamples: int, seed: int
) -> Change:
    gaps = [float(new[place]) - float(old[place]) for place in places]
    resampling = Resampling([str(place) for place in places], resamples, seed)
    return Change(
        questions=len(places),
        right_before=sum(old[place] for place in places),
        right_after=sum(new[place] for place in places),
        difference=mean_estimate(gaps, resampling, np.ones(len(places))),
    )
