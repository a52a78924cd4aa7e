"""What counts as right where a text alone could mislead: refusals, markers, several oracles."""

from dataclasses import replace

import pytest

from judged_arms import CONTRACT, REFUSAL
from judged_cases import CHUNKS, TEXTS, make_case
from sfta.evaluation.baselines import BASELINES, judge_baseline
from sfta.evaluation.judgement import judge
from sfta.evaluation.oracles import Oracle


def test_saying_yes_to_everything_is_right_where_yes_is_the_answer():
    cases = [make_case("q0", oracle=0, context=[0], answers=["yes"])]
    (said,) = judge_baseline(BASELINES["always_yes"], cases, CONTRACT)
    assert (said.tally.exact, said.right) == (1.0, True)


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (REFUSAL, "documents"),
        ("There is no information about it.", "No"),
        (CONTRACT.completion([(1, TEXTS[0])], "That is not mentioned."), "7.5 bar"),
        (REFUSAL, "A"),
    ],
)
def test_a_refusal_is_not_right_by_the_words_it_is_made_of(refusal, answer):
    case = make_case("q", oracle=0, context=[0], answers=[answer])
    judged = judge(case, case.retrieved, refusal, CONTRACT)
    tally = judged.tally
    assert judged.refused
    assert not judged.right
    assert not any([tally.f1, tally.exact, tally.contains, tally.rouge, tally.overall])


def test_an_answer_without_its_marker_is_scored_whole_and_told_apart():
    case = make_case("q", oracle=0, context=[0])
    bare, formed = (
        judge(case, case.retrieved, text, CONTRACT).tally
        for text in ("7.5 bar", "Answer: 7.5 bar")
    )
    assert (bare.f1, bare.f1_formed, bare.ill_formed) == (1.0, 0.0, 1.0)
    assert (formed.f1, formed.f1_formed, formed.ill_formed) == (1.0, 1.0, 0.0)


def test_an_answer_that_needs_all_oracle_chunks_is_in_no_context_that_lacks_one():
    whole = make_case("q", oracle=0, context=[0, 1, 2])
    question = replace(whole.question, all_oracles=True)
    both = Oracle((CHUNKS[0].id, CHUNKS[1].id), "q", "q")
    needs_two = replace(whole, question=question, oracle=both)
    one_is_enough = replace(needs_two, question=replace(question, all_oracles=False))
    cited = CONTRACT.completion([(1, TEXTS[0])], "7.5 bar")
    full = judge(needs_two, CHUNKS[:3], cited, CONTRACT).tally
    assert (full.held, full.citable, full.citable_hit) == (1.0, 2.0, 1.0)
    half = judge(needs_two, CHUNKS[1:3], REFUSAL, CONTRACT).tally
    assert (half.held, half.citable, half.refused_held) == (0.0, 0.0, 0.0)
    either = judge(one_is_enough, CHUNKS[1:3], cited, CONTRACT).tally
    assert (either.held, either.citable, either.citable_hit) == (1.0, 1.0, 1.0)


def test_the_long_reference_counts_for_rouge_and_for_nothing_else():
    case = make_case("q", oracle=0, context=[0])
    question = replace(case.question, reference="The pump of the first unit runs at 7.5 bar.")
    long = replace(case, question=question)
    said = CONTRACT.completion([], "The pump of the first unit runs at 7.5 bar.")
    with_it, without = (judge(c, c.retrieved, said, CONTRACT).tally for c in (long, case))
    assert with_it.rouge == 1.0 > without.rouge > 0.0
    assert replace(with_it, rouge=without.rouge) == without
