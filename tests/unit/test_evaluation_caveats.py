"""What the report warns of in the questions themselves."""

from dataclasses import replace

import pytest

from judged_arms import CASES, CHUNKS, evaluation, good, oracle_place
from sfta.evaluation.results import results


def warned(cases):
    return " ".join(results(evaluation(good, None, cases=cases))["warnings"])


def changed(place, **question):
    case = replace(CASES[place], question=replace(CASES[place].question, **question))
    return [*CASES[:place], case, *CASES[place + 1 :]]


def test_answers_that_lose_everything_in_spelling_are_named():
    assert "accept only articles" not in warned(CASES)
    assert "1 questions accept only articles and punctuation" in warned(
        changed(0, answers=("A",))
    )
    assert "accept only articles" not in warned(changed(0, answers=("A", "7 bar")))


MISSED = next(
    place
    for place, case in enumerate(CASES)
    if case.question.answerable and not oracle_place(case)
)


@pytest.mark.parametrize(
    ("answers", "found"),
    [(("99.5 bar",), True), (("bar",), False), (("no such text",), False)],
)
def test_an_answer_that_stands_in_a_chunk_which_is_no_oracle_is_named(answers, found):
    cases = changed(MISSED, answers=answers)
    case = cases[MISSED]
    cases[MISSED] = replace(case, retrieved=(CHUNKS["c99"], *case.retrieved[:3]))
    assert ("For 1 questions retrieval missed the oracle" in warned(cases)) == found


def test_an_answer_that_stands_in_its_oracle_too_is_fine():
    held = next(place for place, case in enumerate(CASES) if oracle_place(case))
    case = CASES[held]
    cases = list(CASES)
    cases[held] = replace(case, retrieved=(*case.retrieved, CHUNKS["c99"]))
    assert "retrieval missed the oracle" not in warned(cases)
