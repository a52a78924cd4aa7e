"""The figures of every condition and arm, and what changed against the reference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfta.evaluation.aggregate import Array
from sfta.evaluation.outcome import ArmResult
from sfta.evaluation.robustness.outcomes import (
    COLUMNS,
    Outcome,
    bounded,
    counted,
    figures,
    outcome_of,
    sums_table,
)
from sfta.evaluation.robustness.variants import Condition, Probe, Variant
from sfta.evaluation.statistics import Resampling, contrast, estimates

SHOWN: Mapping[str, tuple[str, ...]] = {
    "distractors": ("token_f1", "contains", "over_refusal", "citation_recall"),
    "position": ("token_f1", "contains", "over_refusal", "citation_recall"),
    "wrong_documents": ("refused", "unsupported"),
    "contradictions": (
        "says_right", "says_planted", "says_both", "says_neither", "contested_refused",
    ),
    "paraphrase": ("token_f1", "contains", "over_refusal", "held"),
    "typos": ("token_f1", "contains", "over_refusal", "held"),
    "injections": ("attack_success", "attack_in_answer", "token_f1", "refused"),
    "languages": ("token_f1", "contains", "refused", "held"),
}  # fmt: skip
"""Which figures a probe is about; the first are drawn."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All variants and what one arm answered, in the same order."""

    variants: Sequence[Variant]
    result: ArmResult


@dataclass(frozen=True, slots=True)
class _Measured:
    """One arm, from which every condition is cut out."""

    asked: Mapping[str, int]
    """Place of a variant by its id."""
    result: ArmResult
    places: Mapping[str, int]
    """Row of a question by its id."""
    resampling: Resampling

    def outcomes(self, condition: Condition, clean: Mapping[str, bool]) -> list[Outcome]:
        """In the order of the condition's variants."""
        found = []
        for variant in condition.variants:
            place = self.asked[variant.case.question.id]
            judged, reply = self.result.judgements[place], self.result.replies[place]
            refuses = clean.get(variant.origin, False)
            found.append(outcome_of(variant, judged, reply, refuses_clean=refuses))
        return found

    def table(self, variants: Sequence[Variant], outcomes: Sequence[Outcome]) -> Array:
        rows = [(self.places[v.origin], o) for v, o in zip(variants, outcomes, strict=True)]
        return sums_table(rows, len(self.places))


def find(
    probes: Sequence[Probe],
    asked: Mapping[str, Asked],
    places: Mapping[str, int],
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """Every probe as a record: its conditions, each with figures by arm.

    Args:
        probes: what was asked.
        asked: answers by arm; its variants are those of all probes.
        places: row of each question in the draws of `resampling`.
        resampling: the same for all arms and conditions, so that differences are paired.
    """
    measured = {
        name: _Measured(
            {v.case.question.id: n for n, v in enumerate(one.variants)},
            one.result, places, resampling,
        )
        for name, one in asked.items()
    }  # fmt: skip
    return [_probe(probe, measured) for probe in probes]


def _probe(probe: Probe, measured: Mapping[str, _Measured]) -> dict[str, Any]:
    by_arm = {name: _conditions(probe, arm) for name, arm in measured.items()}
    return {
        "name": probe.name,
        "reference": probe.reference,
        "conditions": [
            {
                "name": one.name,
                "x": one.x,
                "skipped": dict(one.skipped),
                "arms": {name: found[place] for name, found in by_arm.items()},
            }
            for place, one in enumerate(probe.conditions)
        ],
    }


def _conditions(probe: Probe, arm: _Measured) -> list[dict[str, Any]]:
    """Figures of one arm, condition by condition."""
    reference = next((c for c in probe.conditions if c.name == probe.reference), None)
    clean, whole = dict[str, bool](), None
    if reference is not None:
        outcomes = arm.outcomes(reference, {})
        clean = {
            v.origin: o.refused > 0 for v, o in zip(reference.variants, outcomes, strict=True)
        }
        whole = arm.table(reference.variants, outcomes)
    return [
        _figures(probe, one, arm, arm.outcomes(one, clean), None if one is reference else whole)
        for one in probe.conditions
    ]


def _figures(
    probe: Probe,
    condition: Condition,
    arm: _Measured,
    outcomes: Sequence[Outcome],
    reference: Array | None,
) -> dict[str, Any]:
    table = arm.table(condition.variants, outcomes)
    drawn, shown = arm.resampling.sums(table), SHOWN[probe.name]
    found: dict[str, Any] = {
        "n": len(condition.variants),
        "cut": _cut(condition, arm),
        "figures": _estimated(table, shown, arm.resampling),
        "refusals": _refusals(condition, arm),
    }
    if reference is not None:
        # Of the reference only the questions that this condition has, as often as it has them.
        often = table[:, COLUMNS.index("questions")]
        known = np.maximum(reference[:, COLUMNS.index("questions")], 1.0)
        other = arm.resampling.sums(reference * (often / known)[:, None])
        found["changes"] = {key: contrast(figures, key, drawn, other).facts() for key in shown}
    if places := _by_place(condition, outcomes, arm):
        found["places"] = places
    return found


def _estimated(
    table: Array, keys: Sequence[str], resampling: Resampling
) -> dict[str, dict[str, Any]]:
    estimated = estimates(figures, resampling.sums(table))
    return {
        key: {
            **bounded(estimated[key], table, key, resampling).facts(),
            "n": counted(table, key),
        }
        for key in keys
    }


def _cut(condition: Condition, arm: _Measured) -> int:
    """Answers for which the context could not hold every chunk."""
    pairs = [(v, arm.result.replies[arm.asked[v.case.question.id]]) for v in condition.variants]
    return sum(len(reply.given) < len(v.case.retrieved) for v, reply in pairs)


def _refusals(condition: Condition, arm: _Measured) -> dict[str, int]:
    """How it was refused: with the sentence of the prompt contract, or in other words."""
    judged = [arm.result.judgements[arm.asked[v.case.question.id]] for v in condition.variants]
    exact = sum(bool(one.tally.refused_exactly) for one in judged)
    return {"sentence": exact, "other_words": sum(one.refused for one in judged) - exact}


def _by_place(
    condition: Condition, outcomes: Sequence[Outcome], arm: _Measured
) -> dict[str, dict[str, Any]]:
    """Attack success where the instruction stood in the oracle chunk, and where beside it."""
    pairs = list(zip(condition.variants, outcomes, strict=True))
    found = dict[str, dict[str, Any]]()
    for place in sorted(Counter(v.place for v, _ in pairs if v.place)):
        chosen = [(v, o) for v, o in pairs if v.place == place]
        table = arm.table([v for v, _ in chosen], [o for _, o in chosen])
        found |= {
            place: _estimated(table, ["attack_success"], arm.resampling)["attack_success"]
        }
    return found
