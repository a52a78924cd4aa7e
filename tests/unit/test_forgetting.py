"""General knowledge before and after training: what counts as lost, and what is said of it."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.forgetting import (
    MAX_TOKENS,
    SYSTEM,
    forgetting,
    general_questions,
    plain,
)
from sfta.evaluation.metrics import contains, terms
from sfta.evaluation.questions import Question
from sfta_edge.prompt import PromptContract

REFUSAL = "The documents do not contain the answer."
QUESTIONS = general_questions()
CONTRACT = PromptContract(
    head="<s>",
    between="|",
    tail="</s>",
    end="<end>",
    system="Answer from the documents, or refuse.",
    document="{text}",
    question="Question: {question}",
    refusal=REFUSAL,
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)


def asked(count, kind="facts"):
    return [
        Question(f"{kind}-{n}", f"What is {n}?", ("right",), True, kind=kind)
        for n in range(count)
    ]


def replies(right, count):
    return ["It is right, I think."] * right + ["No idea, sorry."] * (count - right)


def compared(before, after, count=60, **more):
    questions = more.pop("questions", asked(count))
    old = before if isinstance(before, list) else replies(before, count)
    new = after if isinstance(after, list) else replies(after, count)
    return forgetting(questions, old, new, refusal=REFUSAL, resamples=2000, seed=1)


def test_the_set_has_several_kinds_of_at_least_a_dozen_questions():
    kinds = Counter(question.kind for question in QUESTIONS)
    assert set(kinds) == {"facts", "arithmetic", "language", "instructions", "common sense"}
    assert min(kinds.values()) >= 12
    assert 60 <= len(QUESTIONS) <= 100


def test_a_question_of_the_set_does_not_give_its_answer_away():
    given_away = [q.question for q in QUESTIONS if contains(q.question, q.answers)]
    assert given_away == []


def test_answers_of_the_set_are_short_and_can_be_found():
    for question in QUESTIONS:
        assert question.answerable
        assert all(1 <= len(terms(answer)) <= 5 for answer in question.answers), question.id
        assert contains(f"The answer is {question.answers[-1]}.", question.answers)


def test_questions_of_the_set_need_no_documents_and_differ():
    assert not any(question.documents or question.oracle_pages for question in QUESTIONS)
    assert len({question.question.casefold() for question in QUESTIONS}) == len(QUESTIONS)


def test_the_plain_prompt_holds_nothing_but_the_question():
    prompt = "".join(p.text for s in plain(CONTRACT).segments([], "What is ice?") for p in s)
    assert prompt == f"<s>{SYSTEM}|What is ice?</s>"
    assert "document" not in SYSTEM.casefold()
    assert MAX_TOKENS < 100


def test_a_clear_loss_is_told_in_points():
    found = compared(50, 20)
    assert found.lost
    assert found.overall.difference.value == pytest.approx(-0.5)
    assert found.sentence.startswith(
        "Training has cost 50.0 points of general knowledge: 50 of 60 questions right before,"
        " 20 after (95 % interval of the difference -"
    )


def test_a_loss_within_chance_is_nothing_measurable():
    found = compared(50, 48)
    assert not found.lost
    assert found.sentence.startswith("Nothing measurable was forgotten: 50 of 60")
    low, high = found.overall.difference.interval
    assert low < 0 <= high


def test_few_questions_that_all_speak_against_it_are_not_enough():
    found = compared(4, 0, count=4)
    assert found.overall.difference.interval == [-1.0, -1.0]
    assert found.test.p_value == pytest.approx(0.125)
    assert not found.lost


def test_more_right_answers_are_no_loss():
    found = compared(20, 50)
    assert not found.lost
    assert found.sentence.startswith("Training has cost no general knowledge: 20 of 60")


def test_a_base_model_that_knows_nothing_can_lose_nothing():
    found = compared(2, 0)
    assert not found.lost
    assert "hardly anything could be lost" in found.sentence


def test_refusals_are_counted_apart():
    found = compared(40, [REFUSAL] * 60)
    assert (found.refused_before, found.refused_after) == (0, 60)
    assert found.sentence.endswith("60 more replies than before are refusals.")


def test_every_kind_has_its_own_figures():
    questions = [*asked(30, "facts"), *asked(30, "arithmetic")]
    found = compared(60, [*replies(30, 30), *replies(0, 30)], questions=questions)
    assert list(found.kinds) == ["arithmetic", "facts"]
    arithmetic, facts = found.kinds["arithmetic"], found.kinds["facts"]
    assert (arithmetic.right_before, arithmetic.right_after) == (30, 0)
    assert (facts.right_before, facts.difference.value) == (30, 0.0)
    assert (found.test.only_first, found.test.only_second) == (30, 0)


def test_a_right_reply_contains_the_answer_and_exact_ones_are_counted_beside_it():
    questions = asked(3)
    found = compared(
        ["Right.", "It is right.", "Answer: wright"], ["x"] * 3, questions=questions
    )
    assert (found.overall.right_before, found.exact_before) == (2, 1)


def test_the_facts_are_json_and_hold_the_sentence():
    facts = json.loads(json.dumps(compared(50, 20).facts()))
    assert facts["sentence"] == compared(50, 20).sentence
    assert facts["kinds"]["facts"]["right_after"] == 20
    assert facts["right_before_only"] - facts["right_after_only"] == 30
    assert facts["interval"][1] < 0


def test_every_question_needs_two_replies():
    with pytest.raises(ValueError, match="3 questions, 3 and 2 replies"):
        compared(["a"] * 3, ["a"] * 2, count=3)
    with pytest.raises(ValueError, match="0 questions"):
        compared([], [], count=0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_before_and_after_exchanged_turn_the_difference_around(pairs):
    count = len(pairs)
    old, new = (["right" if pair[side] else "?" for pair in pairs] for side in (0, 1))
    there, back = compared(old, new, count), compared(new, old, count)
    assert there.overall.difference.value == -back.overall.difference.value
    assert there.test.p_value == back.test.p_value
    assert not (there.lost and back.lost)
    sums = sum(change.right_after for change in there.kinds.values())
    assert sums == there.overall.right_after
