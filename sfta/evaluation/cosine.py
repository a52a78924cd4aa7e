"""Cosine between an answer and its reference, told together with what says nothing.

Any two texts on one subject are alike to an embedder, so a bare cosine flatters whatever speaks
of the subject. It is told with floors, and what counts is how far it lies above the highest of
them: ``(cosine - floor) / (1 - floor)``. Secondary: no gate reads it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sfta.evaluation.aggregate import Array, ratio
from sfta.evaluation.metrics import normalise_answer
from sfta.evaluation.outcome import Evaluation, gained
from sfta.evaluation.questions import Question
from sfta.evaluation.statistics import Drawn, estimates

Embed = Callable[[Sequence[str]], Any]
"""Texts to vectors of length one, shape (texts, dimension); `sfta_edge.embedder.Embedder.embed`."""

NO_IDEA = "I don't know."
_COLUMNS = ("kept", "cosine", "paired", "shuffled", "refusal", "no_idea")
_FLOORS = ("shuffled", "refusal", "no_idea")


def cosine_figures(evaluation: Evaluation, embed: Embed) -> dict[str, Any]:
    """Cosine, floors and what lies above them, by arm; over the answerable questions.

    The reference is the nearest of the accepted answers and the long one. Floors: the arm's own
    answers against the references of other questions, the refusal sentence, and "I don't know".
    A refusal is an answer like any other here, and lies at a floor.
    """
    questions = [case.question for case in evaluation.cases]
    partners = strangers(questions, evaluation.seed)
    said = {
        result.arm.name: [judged.answer for judged in result.judgements]
        for result in evaluation.arms
    }
    constant = (evaluation.contract.refusal, NO_IDEA)
    references = (text for question in questions for text in question.references)
    space = _Space(embed, [*constant, *references, *chain.from_iterable(said.values())])
    resampling = evaluation.resampling()
    drawn = {
        name: resampling.sums(_table(space, questions, partners, answers, constant))
        for name, answers in said.items()
    }
    return {
        "n": sum(question.answerable for question in questions),
        "shuffled_n": sum(partner is not None for partner in partners),
        "arms": {
            name: {**_facts(drawn[name]), "empty": _empty(questions, said[name])}
            for name in drawn
        },
        "difference": gained(_figures, "above_floor", drawn),
    }


def strangers(questions: Sequence[Question], seed: int) -> list[int | None]:
    """For each answerable question another one that accepts none of its answers.

    The next in an order drawn by hash; None for an unanswerable question, and where all others
    have the same answer.
    """
    asked = [place for place, question in enumerate(questions) if question.answerable]
    asked.sort(
        key=lambda place: hashlib.sha256(f"{seed}/{questions[place].id}".encode()).digest()
    )
    accepted = {p: {normalise_answer(a) for a in questions[p].answers} for p in asked}
    found: list[int | None] = [None] * len(questions)
    for turn, place in enumerate(asked):
        others = (*asked[turn + 1 :], *asked[:turn])
        found[place] = next(
            (other for other in others if accepted[place].isdisjoint(accepted[other])), None
        )
    return found


class _Space:
    """Texts with their vectors, each embedded once."""

    def __init__(self, embed: Embed, texts: Iterable[str]) -> None:
        unique = sorted({text.strip() for text in texts} - {""})
        self._places = {text: place for place, text in enumerate(unique)}
        self._vectors: Array = np.asarray(embed(unique), dtype=np.float64)

    def best(self, text: str, references: Sequence[str]) -> float:
        """Cosine with the nearest reference; 0 for an empty text, which has no direction."""
        place = self._places.get(text.strip())
        if place is None:
            return 0.0
        known = [self._places[reference.strip()] for reference in references]
        return float(np.max(self._vectors[known] @ self._vectors[place]))


def _empty(questions: Sequence[Question], answers: Sequence[str]) -> int:
    """Answers without any text; they count as cosine 0."""
    pairs = zip(questions, answers, strict=True)
    return sum(question.answerable and not answer.strip() for question, answer in pairs)


def _table(
    space: _Space,
    questions: Sequence[Question],
    partners: Sequence[int | None],
    answers: Sequence[str],
    constant: Sequence[str],
) -> Array:
    """One row per question, with the columns of `_COLUMNS`; zeros if it is unanswerable."""
    table = np.zeros((len(questions), len(_COLUMNS)))
    for place, (question, partner) in enumerate(zip(questions, partners, strict=True)):
        if question.answerable:
            references = question.references
            other = 0.0 if partner is None else space.best(answers[partner], references)
            table[place] = (
                1.0,
                space.best(answers[place], references),
                float(partner is not None),
                other,
                *(space.best(text, references) for text in constant),
            )
    return table


def _facts(drawn: Drawn) -> dict[str, Any]:
    found = estimates(_figures, drawn)
    return {
        "cosine": found["cosine"].facts(),
        "floors": {name: found[name].value for name in _FLOORS},
        "above_floor": found["above_floor"].facts(),
    }


def _figures(table: Array) -> dict[str, Array]:
    """Means, and what lies above the highest floor, from sums of any shape."""
    sums = {name: table[..., place] for place, name in enumerate(_COLUMNS)}
    found = {
        "cosine": ratio(sums["cosine"], sums["kept"]),
        "shuffled": ratio(sums["shuffled"], sums["paired"]),
        "refusal": ratio(sums["refusal"], sums["kept"]),
        "no_idea": ratio(sums["no_idea"], sums["kept"]),
    }
    floor = np.fmax.reduce([found[name] for name in _FLOORS])
    return {**found, "above_floor": ratio(found["cosine"] - floor, 1 - floor)}
