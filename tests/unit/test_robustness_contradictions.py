"""Contradicting chunks: plausible, told apart from the answer, and before or after the oracle."""

import re

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from robust_world import ids, make_subjects_of, subject_with
from sfta.evaluation.metrics import contains
from sfta.evaluation.questions import Question
from sfta.evaluation.robustness.contradictions import (
    AFTER,
    ALONE,
    BEFORE,
    ONLY,
    contradictions,
)
from sfta.evaluation.robustness.plausible import Contradiction, contradict


def question(name, answer, kind="definition"):
    return Question(name, "Which?", (answer,), True, kind=kind)


STRANGERS = [question("o1", "a green handle"), question("o2", "the left wall", "location")]


@given(
    seed=st.integers(0, 500),
    value=st.from_regex(r"(?:[1-9]\d{0,3}|\d\.\d|[1-9]\d?,\d{3})", fullmatch=True),
    unit=st.sampled_from(["m", "bar", "°C", "N·m", "hours"]),
)
def test_a_changed_number_is_never_the_right_one(seed, value, unit):
    answer = f"{value} {unit}"
    assume(any(digit in "123456789" for digit in value))
    found = contradict(subject_with(f"It takes {answer}, never more.", [answer]), [], seed)
    assert isinstance(found, Contradiction)
    assert not contains(found.chunk.text, [answer])
    assert contains(found.chunk.text, found.values)
    assert found.chunk.id != "own"
    assert unit in found.values[0]
    assert len(found.chunk.text) == len(f"It takes {answer}, never more.")


def test_every_spelling_of_the_answer_is_changed_alike():
    text = "The log keeps the last 500 events. After 500 events old ones go."
    subject = subject_with(text, ["500", "500 events", "the last 500 events"])
    found = contradict(subject, [], 3)
    (digit,) = {re.sub(r"\D", "", value) for value in found.values}
    assert found.chunk.text.count(digit) == 2
    assert digit != "500"
    assert digit.endswith("00")
    assert set(found.values) == {digit, f"{digit} events", f"the last {digit} events"}


def test_a_range_stays_a_range():
    for seed in range(20):
        found = contradict(subject_with("From 2.1 to 2.5 bar.", ["2.1 to 2.5 bar"]), [], seed)
        low, high = (float(word) for word in found.values[0].split() if "." in word)
        assert low < high


def test_what_is_no_number_is_lent_from_a_question_of_the_kind():
    subject = subject_with("It has a red field on top.", ["a red field"], "definition")
    found = contradict(subject, STRANGERS, 7)
    assert found.values == ("a green handle",)
    assert found.chunk.text == "It has a green handle on top."


@pytest.mark.parametrize(
    ("text", "answers", "reason"),
    [
        ("It has a red field.", ["a blue field"], "does not stand in the chunk"),
        ("It has a red field.", ["a red field"], "no other question has a value"),
        ("It weighs 3 kg or 300 kg.", ["3 kg", "kg"], "no other question has a value"),
    ],
)
def test_why_there_is_no_contradiction_is_said(text, answers, reason):
    assert reason in contradict(subject_with(text, answers), [], 7)


def test_a_value_that_the_oracle_chunk_also_states_is_not_planted():
    text = (
        "Set 1, 2, 3, 4, 5, 6, 7, 8 or 9; the best is 4 mm. Not 1 mm, 2 mm, 3 mm, 5 mm, 6 mm, "
    )
    text += "7 mm, 8 mm, 9 mm."
    assert contradict(subject_with(text, ["4 mm"]), [], 7) == (
        "no other value can be told from the answer"
    )


def test_the_chunks_stand_in_every_order():
    probe = contradictions(make_subjects_of(1, 2), [], 7)
    assert probe.reference == ALONE
    orders = {}
    for one in probe.conditions:
        variant = one.variants[0]
        orders[one.name] = ids(variant.case.retrieved)
        assert variant.planted
    assert orders == {
        ALONE: ["c1"],
        BEFORE: ["c1-contradicting", "c1"],
        AFTER: ["c1", "c1-contradicting"],
        ONLY: ["c1-contradicting"],
    }


def test_a_contradicting_chunk_looks_like_its_oracle():
    (subject,) = make_subjects_of(4)
    found = contradict(subject, [], 7)
    own = subject.oracle[0]
    assert (found.chunk.title, found.chunk.heading) == (own.title, own.heading)
    assert found.chunk.text.startswith("The tank 4 holds")
    assert found.chunk.text.endswith("litres of oil. Close its door.")


def test_the_same_seed_plants_the_same_values():
    subjects = make_subjects_of(*range(10))
    assert contradictions(subjects, [], 7) == contradictions(subjects, [], 7)
    assert contradictions(subjects, [], 7) != contradictions(subjects, [], 8)


def test_questions_that_cannot_be_contradicted_are_counted():
    subjects = [*make_subjects_of(1), subject_with("Nothing here.", ["a red field"])]
    probe = contradictions(subjects, [], 7)
    for one in probe.conditions:
        assert len(one.variants) == 1
        assert sum(one.skipped.values()) == 1
