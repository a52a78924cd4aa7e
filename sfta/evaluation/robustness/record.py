"""The record of a robustness: what was asked, every figure, and what they say in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.evaluation.arms import labelled_arm
from sfta.evaluation.clusters import FEW_CLUSTERS, clusters_of
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.refusals import LANGUAGES
from sfta.evaluation.robustness.findings import Asked, find
from sfta.evaluation.robustness.sentences import sentences
from sfta.evaluation.robustness.subjects import Subject
from sfta.evaluation.robustness.variants import Probe
from sfta.evaluation.statistics import FEW_QUESTIONS, Resampling

_MISSING = {
    "languages": "the benchmark brings no wording in another language (key variants)",
    "paraphrase": "the benchmark brings no other wording (key variants), and no rule fits",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a reader needs to measure the same again."""

    name: str
    """Of the recipe."""
    seed: int
    evaluate: EvaluateConfig
    report: Mapping[str, Any]
    """Settings of the report: the models answer as it says."""


def make_record(
    subjects: Sequence[Subject],
    probes: Sequence[Probe],
    asked: Mapping[str, Asked],
    conditions: Conditions,
) -> dict[str, Any]:
    """Everything that robustness.json holds.

    Args:
        subjects: the questions that were varied.
        probes: what was done to them.
        asked: the answers, by arm.
        conditions: settings of recipe and report.
    """
    clusters = clusters_of([s.case for s in subjects], conditions.evaluate.cluster)
    resampling = Resampling(clusters.names, conditions.evaluate.resamples, conditions.seed)
    places = {subject.id: place for place, subject in enumerate(subjects)}
    done = [probe for probe in probes if _is_asked(probe)]
    found = find(done, asked, places, resampling)
    for probe in found:
        probe["sentences"] = {arm: sentences(probe, arm) for arm in asked}
    told = ("base_model", "scheme", "top_k", "max_answer_tokens", "context_tokens",
            "refusal_threshold", "choose_quotes", "weights")  # fmt: skip
    return {
        "name": conditions.name,
        "seed": conditions.seed,
        "scheme": conditions.report["scheme"],
        "settings": {key: conditions.report[key] for key in told},
        "questions": len(subjects),
        "question_ids": [subject.id for subject in subjects],
        "asked": len(next(iter(asked.values())).variants),
        "clusters": {"level": clusters.level, "number": resampling.clusters},
        "arms": {arm: labelled_arm(arm, conditions.evaluate).label for arm in asked},
        "notes": [
            *_notes(subjects, clusters.answered, clusters.level),
            *[f"Not asked: {_reason(probe)}." for probe in probes if not _is_asked(probe)],
        ],
        "probes": found,
    }


def _is_asked(probe: Probe) -> bool:
    """Whether something was asked beside the reference."""
    return any(one.variants for one in probe.conditions if one.name != probe.reference)


def _reason(probe: Probe) -> str:
    reasons = [reason for one in probe.conditions for reason in one.skipped]
    why = _MISSING.get(probe.name) or next(iter(reasons), "there is nothing to ask")
    return f"{probe.name.replace('_', ' ')}, because {why}"


def _notes(subjects: Sequence[Subject], clusters: int, level: str) -> list[str]:
    """Sentences for a reader who is about to trust the numbers."""
    found = []
    if len(subjects) < FEW_QUESTIONS:
        found.append(
            f"Only {len(subjects)} questions: the intervals are wide, and a loss that is smaller "
            "than they are is not seen."
        )
    if clusters < FEW_CLUSTERS:
        found.append(
            f"The answers lie in only {clusters} {level}s: the intervals are likely too narrow."
        )
    found.append(
        f"A refusal in other words is recognised in {', '.join(LANGUAGES)}; in another language "
        "only the refusal sentence of the prompt contract is."
    )
    return found
