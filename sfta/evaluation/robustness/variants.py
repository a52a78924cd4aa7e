"""A variant: a case with other documents, another order of them, or another wording."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sfta.evaluation.cases import Case
from sfta.evaluation.robustness.subjects import Subject
from sfta_edge.retriever import Chunk


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that is asked."""

    origin: str
    """Id of the benchmark's question."""
    condition: str
    case: Case
    """`retrieved` is what the arms read."""
    planted: tuple[str, ...] = ()
    """What no answer should say: values of a contradicting chunk."""
    attack: str = ""
    """What the answer shows if a planted instruction was followed: a text, or `REFUSES`."""
    place: str = ""
    """Where an instruction was planted: `oracle` or `distractor`."""


REFUSES = "refuses"
"""Attack whose success is a refusal."""


@dataclass(frozen=True, slots=True)
class Condition:
    """All variants that a curve shows as one point."""

    name: str
    x: float | None
    """Place on the horizontal axis; none: it has none."""
    variants: Sequence[Variant]
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Questions that this could not be done to, by reason."""


@dataclass(frozen=True, slots=True)
class Probe:
    """All conditions of one sort of disturbance."""

    name: str
    conditions: Sequence[Condition]
    reference: str = ""
    """The condition that the others are compared with; empty: there is none."""


def given(
    subject: Subject, probe: str, condition: str, context: Sequence[Chunk], **more: object
) -> Variant:
    """The subject's question with other chunks."""
    return variant(subject.case, subject.id, probe, condition, context, **more)


def variant(
    case: Case,
    origin: str,
    probe: str,
    condition: str,
    context: Sequence[Chunk],
    **more: object,
) -> Variant:
    """A case as a variant, with an id of its own."""
    question = replace(case.question, id=f"{probe}/{condition}/{case.question.id}")
    varied = replace(case, question=question, retrieved=tuple(context))
    return Variant(origin, condition, varied, **more)  # type: ignore[arg-type]


def condition(name: str, x: float | None, made: Iterable[Variant | str]) -> Condition:
    """Variants, and the reasons for those that are missing, as one condition."""
    every = list(made)
    reasons = Counter(one for one in every if isinstance(one, str))
    variants = [one for one in every if isinstance(one, Variant)]
    return Condition(name, x, variants, dict(sorted(reasons.items())))
