"""Probes that change which chunks are given: more distractors, another place, none that helps."""

from collections.abc import Iterable, Sequence

from sfta.evaluation.robustness.subjects import (
    Subject,
    distractors,
    random_distractors,
    shuffled,
)
from sfta.evaluation.robustness.variants import Probe, Variant, condition, given
from sfta_edge.retriever import Chunk

FEW_CHUNKS = "the corpus has too few chunks without the answer"
SEVERAL_ORACLES = "the answer may need several chunks"


def more_distractors(
    subjects: Sequence[Subject], chunks: Sequence[Chunk], seed: int, counts: Iterable[int]
) -> Probe:
    """The oracle chunk among so many distractors, in an order that a hash decides.

    The distractors of a smaller number are among those of a larger one.
    """

    def made(subject: Subject, count: int) -> Variant | str:
        context = beside_oracle(subject, chunks, seed, count)
        return given(subject, "distractors", str(count), context) if context else FEW_CHUNKS

    conditions = [
        condition(str(count), count, [made(subject, count) for subject in subjects])
        for count in counts
    ]
    return Probe("distractors", conditions, conditions[0].name)


def every_position(
    subjects: Sequence[Subject], chunks: Sequence[Chunk], seed: int, count: int
) -> Probe:
    """The oracle chunk at each place among `count` chunks; the others keep their order."""

    def made(subject: Subject, place: int) -> Variant | str:
        if len(subject.oracle) > 1:
            return SEVERAL_ORACLES
        others = distractors(subject, chunks, seed, count - 1)
        if len(others) < count - 1:
            return FEW_CHUNKS
        context = [*others[: place - 1], *subject.oracle, *others[place - 1 :]]
        return given(subject, "position", str(place), context)

    conditions = [
        condition(str(place), place, [made(subject, place) for subject in subjects])
        for place in range(1, count + 1)
    ]
    return Probe("position", conditions, conditions[0].name)


def wrong_documents(
    subjects: Sequence[Subject], chunks: Sequence[Chunk], seed: int, count: int
) -> Probe:
    """Only chunks without the answer: near ones, as a search would give them, and any."""

    def near(subject: Subject) -> Variant | str:
        context = distractors(subject, chunks, seed, count)
        return given(subject, "wrong_documents", "near", context) if context else FEW_CHUNKS

    def anything(subject: Subject) -> Variant | str:
        context = random_distractors(subject, chunks, seed, count)
        return given(subject, "wrong_documents", "any", context) if context else FEW_CHUNKS

    conditions = [
        condition("near", None, map(near, subjects)),
        condition("any", None, map(anything, subjects)),
    ]
    return Probe("wrong_documents", conditions)


def beside_oracle(
    subject: Subject, chunks: Sequence[Chunk], seed: int, count: int
) -> tuple[Chunk, ...]:
    """The oracle chunks and so many distractors, shuffled; nothing if there are not so many."""
    others = distractors(subject, chunks, seed, count)
    return shuffled(subject, [*subject.oracle, *others], seed) if len(others) == count else ()
