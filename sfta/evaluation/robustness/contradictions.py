"""Probe: a second chunk says the same as the oracle chunk, with another value."""

from collections.abc import Callable, Sequence

from sfta.evaluation.questions import Question
from sfta.evaluation.robustness.plausible import contradict
from sfta.evaluation.robustness.subjects import Subject
from sfta.evaluation.robustness.variants import Probe, Variant, condition, given
from sfta_edge.retriever import Chunk

ALONE, BEFORE, AFTER, ONLY = (
    "oracle alone",
    "contradiction first",
    "contradiction last",
    "contradiction alone",
)
_ORDERS: dict[str, Callable[[Chunk, Chunk], list[Chunk]]] = {
    ALONE: lambda oracle, _false: [oracle],
    BEFORE: lambda oracle, false: [false, oracle],
    AFTER: lambda oracle, false: [oracle, false],
    ONLY: lambda _oracle, false: [false],
}


def contradictions(subjects: Sequence[Subject], every: Sequence[Question], seed: int) -> Probe:
    """The oracle chunk alone, with a contradicting one before or after it, and that one alone.

    Args:
        subjects: what is asked.
        every: questions of the benchmark; their answers are lent where an answer has no number.
        seed: decides the wrong values.
    """
    made = {subject.id: contradict(subject, every, seed) for subject in subjects}

    def ordered(subject: Subject, name: str) -> Variant | str:
        found = made[subject.id]
        if isinstance(found, str):
            return found
        context = _ORDERS[name](subject.oracle[0], found.chunk)
        return given(subject, "contradictions", name, context, planted=found.values)

    conditions = [
        condition(name, None, [ordered(subject, name) for subject in subjects])
        for name in _ORDERS
    ]
    return Probe("contradictions", conditions, ALONE)
