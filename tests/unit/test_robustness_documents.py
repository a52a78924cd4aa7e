"""Chunks of a variant: distractors never hold the answer, the oracle stands where it should."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from robust_world import CHUNKS, ids, make_case, make_chunk, make_subjects_of
from sfta.evaluation.metrics import contains
from sfta.evaluation.questions import Question
from sfta.evaluation.robustness.documents import (
    FEW_CHUNKS,
    SEVERAL_ORACLES,
    every_position,
    more_distractors,
    wrong_documents,
)
from sfta.evaluation.robustness.subjects import (
    distractors,
    make_subjects,
    random_distractors,
    shuffled,
)

SEEDS = st.integers(0, 1000)
BY_ID = {chunk.id: chunk for chunk in CHUNKS}


def only(probe, name):
    return next(one for one in probe.conditions if one.name == name)


@given(seed=SEEDS, number=st.integers(0, 29), most=st.integers(0, 20))
def test_no_distractor_holds_the_answer(seed, number, most):
    (subject,) = make_subjects_of(number)
    found = distractors(subject, CHUNKS, seed, most)
    assert len(found) == most
    assert len(set(ids(found))) == most
    answers = subject.case.question.answers
    assert not any(contains(chunk.text, answers) for chunk in found)
    assert f"c{number}" not in ids(found)


@given(seed=SEEDS, number=st.integers(0, 29))
def test_the_hardest_distractors_come_first_in_the_order_of_the_search(seed, number):
    (subject,) = make_subjects_of(number)
    ranked = [chunk.id for chunk in subject.case.ranked if chunk.id != f"c{number}"]
    assert ids(distractors(subject, CHUNKS, seed, 12))[:9] == ranked


def test_a_chunk_that_holds_the_answer_by_chance_is_no_distractor():
    case = make_case(3, answers=("121 litres", "128 litres"))
    (subject,) = make_subjects([case], BY_ID)
    assert "c4" not in ids(distractors(subject, CHUNKS, 7, 29))
    assert "c3" not in ids(random_distractors(subject, CHUNKS, 7, 29))


def test_a_heading_that_holds_the_answer_is_seen_too():
    case = make_case(3, answers=("2 Data", "121"))
    (subject,) = make_subjects([case], BY_ID)
    assert distractors(subject, CHUNKS, 7, 3) == ()


@given(seed=SEEDS, number=st.integers(0, 29))
def test_more_distractors_hold_those_of_fewer_and_the_oracle(seed, number):
    probe = more_distractors(make_subjects_of(number), CHUNKS, seed, (0, 1, 5, 10))
    before = set()
    for one in probe.conditions:
        (variant,) = one.variants
        given_ids = set(ids(variant.case.retrieved))
        assert f"c{number}" in given_ids
        assert len(given_ids) == int(one.name) + 1
        assert before <= given_ids
        before = given_ids


@given(seed=SEEDS, number=st.integers(0, 29), count=st.integers(2, 8))
def test_the_oracle_stands_at_the_place_that_is_named(seed, number, count):
    probe = every_position(make_subjects_of(number), CHUNKS, seed, count)
    orders = set()
    for one in probe.conditions:
        (variant,) = one.variants
        found = ids(variant.case.retrieved)
        assert found[int(one.x) - 1] == f"c{number}"
        orders.add(tuple(name for name in found if name != f"c{number}"))
    assert len(orders) == 1


@given(seed=SEEDS)
def test_the_same_seed_gives_the_same_variants(seed):
    subjects = make_subjects_of(1, 4, 9)
    for make in (
        lambda: more_distractors(subjects, CHUNKS, seed, (0, 3)),
        lambda: every_position(subjects, CHUNKS, seed, 3),
        lambda: wrong_documents(subjects, CHUNKS, seed, 2),
    ):
        assert make() == make()


def test_the_order_of_the_corpus_does_not_matter():
    subjects = make_subjects_of(2, found=0)
    probe = more_distractors(subjects, CHUNKS, 7, (4,))
    assert probe == more_distractors(subjects, CHUNKS[::-1], 7, (4,))


def test_another_seed_gives_another_order():
    (subject,) = make_subjects_of(1)
    orders = {tuple(ids(shuffled(subject, CHUNKS[:6], seed))) for seed in range(8)}
    assert len(orders) > 4


@given(seed=SEEDS, number=st.integers(0, 29), count=st.integers(1, 5))
def test_wrong_documents_hold_no_answer(seed, number, count):
    probe = wrong_documents(make_subjects_of(number), CHUNKS, seed, count)
    for one in probe.conditions:
        (variant,) = one.variants
        assert len(variant.case.retrieved) == count
        assert f"c{number}" not in ids(variant.case.retrieved)


def test_near_documents_are_those_of_the_search():
    probe = wrong_documents(make_subjects_of(5), CHUNKS, 7, 2)
    (variant,) = only(probe, "near").variants
    assert ids(variant.case.retrieved) == ["c6", "c7"]


def test_a_corpus_that_is_too_small_is_counted_and_not_padded():
    probe = more_distractors(make_subjects_of(1, found=3), CHUNKS[:3], 7, (1, 5))
    assert len(only(probe, "1").variants) == 1
    assert only(probe, "5").skipped == {FEW_CHUNKS: 1}
    assert only(every_position(make_subjects_of(1, found=2), CHUNKS[:2], 7, 5), "2").skipped


def test_a_question_that_needs_several_chunks_gets_them_all():
    case = make_case(1, oracle_ids=("c1", "c2"), all_oracles=True)
    case = make_case_with_oracles(case, ("c1", "c2"))
    subjects = make_subjects([case], BY_ID)
    (variant,) = only(more_distractors(subjects, CHUNKS, 7, (2,)), "2").variants
    assert {"c1", "c2"} < set(ids(variant.case.retrieved))
    position = every_position(subjects, CHUNKS, 7, 3)
    assert only(position, "1").skipped == {SEVERAL_ORACLES: 1}


def make_case_with_oracles(case, names):
    return replace(case, oracle=replace(case.oracle, ids=names))


def test_of_several_oracles_that_suffice_the_one_with_the_answer_is_given():
    case = make_case_with_oracles(make_case(3), ("c0", "c3"))
    (subject,) = make_subjects([case], BY_ID)
    assert ids(subject.oracle) == ["c3"]
    assert "c0" not in ids(distractors(subject, CHUNKS, 7, 28))


def test_of_a_page_without_the_answer_to_the_letter_all_chunks_are_given():
    case = make_case_with_oracles(make_case(3, answers=("a lot",)), ("c0", "c3"))
    (one,) = make_subjects([case], BY_ID)
    assert ids(one.oracle) == ["c0"]
    of_page = replace(case, question=replace(case.question, oracle_ids=()))
    (every,) = make_subjects([of_page], BY_ID)
    assert ids(every.oracle) == ["c0", "c3"]


def test_questions_without_an_answer_or_a_known_oracle_are_no_subjects():
    unknown = make_case_with_oracles(make_case(1), ())
    question = Question("u", "Who?", (), answerable=False)
    unanswerable = replace(make_case(2), question=question)
    assert make_subjects([unknown, unanswerable], BY_ID) == []


def test_a_question_may_bring_its_own_chunk():
    own = make_chunk(99, 5000)
    case = replace(make_case_with_oracles(make_case(1), (own.id,)), ranked=(own, CHUNKS[2]))
    (subject,) = make_subjects([case], BY_ID)
    assert subject.oracle == (own,)


@pytest.mark.parametrize("count", [0, 3])
def test_every_variant_has_an_id_of_its_own(count):
    probe = more_distractors(make_subjects_of(1, 2, 3), CHUNKS, 7, (0, 1, count + 2))
    names = [v.case.question.id for one in probe.conditions for v in one.variants]
    assert len(set(names)) == len(names) == 9
