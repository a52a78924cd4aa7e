"""Cosine with a reference: what says nothing of use lies at a floor, whatever its bare cosine."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_engines import vectors_of
from judged_arms import CASES, CONTRACT, REFUSAL, evaluation, good, weak
from sfta.evaluation.cosine import NO_IDEA, cosine_figures, strangers
from sfta.evaluation.questions import Question
from sfta.evaluation.results import results

ANSWERABLE = [case for case in CASES if case.question.answerable]


def embed(texts):
    """Bags of words; every text has a direction in common, as a real embedder gives them."""
    vectors = vectors_of(texts) + 0.15
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def says(answer):
    return lambda case: CONTRACT.completion([], answer)


def figures(system, **changes):
    return cosine_figures(evaluation(system, **changes), embed)


def above(found, arm="raft_rag"):
    return found["arms"][arm]["above_floor"]["value"]


def test_right_answers_lie_far_above_every_floor():
    found = figures(good)
    arm = found["arms"]["raft_rag"]
    assert found["n"] == found["shuffled_n"] == 90
    # Answers that differ in one number are alike, which the floor of shuffled pairs tells.
    assert arm["cosine"]["value"] > arm["floors"]["shuffled"] > arm["floors"]["refusal"] > 0.5
    low, high = arm["above_floor"]["interval"]
    assert 0.5 < low < above(found) < high <= 1.0
    assert found["difference"]["interval"][0] > 0


@pytest.mark.parametrize("answer", ["3 bar", "It depends on the bar."])
def test_one_answer_to_everything_is_worth_nothing_although_its_cosine_is_not_zero(answer):
    arm = figures(says(answer))["arms"]["raft_rag"]
    assert arm["cosine"]["value"] > 0.3
    assert arm["above_floor"]["value"] < 0.1


@pytest.mark.parametrize("answer", [REFUSAL, NO_IDEA])
def test_refusing_lies_at_its_own_floor(answer):
    arm = figures(lambda _: answer)["arms"]["raft_rag"]
    floor = "refusal" if answer == REFUSAL else "no_idea"
    assert arm["cosine"]["value"] == pytest.approx(arm["floors"][floor], abs=1e-6)
    assert arm["above_floor"]["value"] <= 0.0


def test_the_value_is_rescaled_between_the_highest_floor_and_one():
    arm = figures(good)["arms"]["raft_rag"]
    floor = max(arm["floors"].values())
    wanted = (arm["cosine"]["value"] - floor) / (1 - floor)
    assert arm["above_floor"]["value"] == pytest.approx(wanted, abs=1e-4)


def test_the_mean_is_that_of_the_nearest_references():
    asked = evaluation(weak)
    found = cosine_figures(asked, embed)["arms"]["raft_rag"]["cosine"]["value"]
    said = [
        judged.answer
        for case, judged in zip(CASES, asked.arms[1].judgements, strict=True)
        if case.question.answerable
    ]
    one, other = (
        embed(said), embed([case.question.answers[0] for case in ANSWERABLE])
    )  # fmt: skip
    assert found == pytest.approx(float((one * other).sum(axis=1).mean()), abs=1e-5)


def test_the_nearest_of_several_references_counts():
    more = [
        replace(
            case,
            question=replace(
                case.question, answers=("zzz", *case.question.answers), reference="q"
            ),
        )
        if case.question.answerable
        else case
        for case in CASES
    ]
    plain, richer = (
        figures(good)["arms"]["raft_rag"],
        figures(good, cases=more)["arms"]["raft_rag"],
    )
    assert richer["cosine"]["value"] >= plain["cosine"]["value"]


def test_an_answer_without_text_counts_as_zero_and_is_counted():
    arm = figures(lambda _: "   ")["arms"]["raft_rag"]
    assert arm["cosine"]["value"] == 0.0
    assert arm["empty"] == 90
    assert arm["above_floor"]["value"] < 0.0


def test_without_an_answerable_question_nothing_is_measured():
    cases = [case for case in CASES if not case.question.answerable]
    found = figures(good, cases=cases)
    assert found["n"] == 0
    assert found["arms"]["raft_rag"]["cosine"] == {"value": None, "interval": None}
    assert found["difference"] == {"value": None, "interval": None}


def test_without_the_base_arm_there_is_no_difference():
    assert cosine_figures(evaluation(good, None), embed)["difference"] is None


def test_every_text_is_embedded_once_and_the_figures_repeat():
    seen = []

    def counting(texts):
        seen.extend(texts)
        return embed(texts)

    first = cosine_figures(evaluation(good), counting)
    assert len(seen) == len(set(seen))
    assert first == figures(good)


def test_the_figures_stand_in_the_report_under_their_own_key_and_change_no_gate():
    asked = evaluation(good)
    plain = results(asked)
    told = results(replace(asked, further={"cosine": cosine_figures(asked, embed)}))
    assert json.loads(json.dumps(told.pop("cosine")))["arms"]["raft_rag"]
    assert told == plain


@given(
    st.lists(st.sampled_from(["a", "1 bar", "2 bar", "The 2 bar"]), max_size=12),
    st.integers(0, 9),
)
def test_a_stranger_is_another_question_with_none_of_the_same_answers(answers, seed):
    questions = [
        Question(f"q{n}", "?", (answer,), answerable=n % 5 != 4)
        for n, answer in enumerate(answers)
    ]
    found = strangers(questions, seed)
    assert found == strangers(questions, seed)
    for place, other in enumerate(found):
        if other is None:
            continue
        assert other != place
        assert questions[other].answerable
        spelt = {answers[n].replace("The ", "") for n in (place, other)}
        assert len(spelt) == 2
