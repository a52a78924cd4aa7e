"""Plausible wrong values: what a contradicting document states in place of the answer."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sfta.evaluation.metrics import contains, terms
from sfta.evaluation.questions import Question
from sfta.evaluation.robustness.subjects import Subject, draw
from sfta_edge.retriever import Chunk

_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A copy of an oracle chunk that states another value."""

    chunk: Chunk
    values: tuple[str, ...]
    """What it states, in every spelling that counts as saying it."""


def contradict(subject: Subject, others: Iterable[Question], seed: int) -> Contradiction | str:
    """The oracle chunk with another value wherever the answer stands, or why there is none.

    In an answer with numbers these are changed, all by the same shift of their first digit, so
    that a range stays one. Other answers are replaced by that of another question of the kind.
    """
    question = subject.case.question
    if len(subject.oracle) > 1:
        return "the answer may need several chunks"
    (oracle,) = subject.oracle
    if not contains(oracle.text, question.answers):
        return "the answer does not stand in the chunk to the letter"
    longest_first = sorted(question.answers, key=lambda text: (-len(text), text))
    pairs = [(answer, _shifted(answer, draw(seed, question.id))) for answer in longest_first]
    if not all(
        _NUMBER.search(answer) for answer in question.answers if _stands(answer, oracle)
    ):
        stranger = _stranger(subject, others, seed)
        if stranger is None:
            return "no other question has a value of this kind"
        pairs = [(answer, stranger) for answer in longest_first]
    text = oracle.text
    for answer, planted in pairs:
        text = planted.join(_pattern(answer).split(text))
    values = tuple(sorted({said for _, said in pairs if contains(text, [said])}))
    clear = not contains(text, question.answers) and not contains(oracle.text, values)
    if not values or not clear:
        return "no other value can be told from the answer"
    return Contradiction(
        replace(
            oracle, id=f"{oracle.id}-contradicting", text=text, end=oracle.start + len(text)
        ),
        values,
    )


def _stands(answer: str, chunk: Chunk) -> bool:
    return contains(chunk.text, [answer]) > 0


def _shifted(answer: str, drawn: bytes) -> str:
    """Every number with another first digit that is not zero."""
    shift = 1 + drawn[0] % 8

    def other(found: re.Match[str]) -> str:
        place = next((n for n, char in enumerate(found[0]) if char in "123456789"), None)
        if place is None:
            return f"{1 + shift}{found[0]}"
        digit = (int(found[0][place]) - 1 + shift) % 9 + 1
        return f"{found[0][:place]}{digit}{found[0][place + 1 :]}"

    return _NUMBER.sub(other, answer)


def _stranger(subject: Subject, others: Iterable[Question], seed: int) -> str | None:
    """The first answer of another question of the kind, as long as possible, without numbers."""
    question, (oracle,) = subject.case.question, subject.oracle
    wanted = len(terms(question.answers[0]))
    usable = [
        other.answers[0]
        for other in others
        if other.kind == question.kind
        and other.answers
        and not _NUMBER.search(other.answers[0])
        and terms(other.answers[0])
        and not _alike(other.answers, question.answers)
        and not contains(oracle.text, other.answers[:1])
    ]
    return min(
        usable,
        key=lambda said: (abs(len(terms(said)) - wanted), draw(seed, question.id, said)),
        default=None,
    )


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    return any(contains(a, [b]) or contains(b, [a]) for a in one for b in other)


def _pattern(answer: str) -> re.Pattern[str]:
    """The answer where it stands between words, however its words are spaced."""
    words = r"\s+".join(map(re.escape, answer.split()))
    return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
