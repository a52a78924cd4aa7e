"""Measures of text and ranking: what counts as the same, as a refusal and as found."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.metrics import (
    MAX_REFUSAL_WORDS,
    contains,
    exact_match,
    hit_at,
    looks_like_refusal,
    ndcg_at,
    normalise_answer,
    recall_at,
    reciprocal_rank,
    rouge_l,
    terms,
    token_f1,
)

REFUSAL = "The documents do not contain the answer."
vocabulary = ["the", "a", "pump", "valve", "bar", "7.5", "oil,", "Oil", "E-114", "and"]
words = st.lists(st.sampled_from(vocabulary), max_size=8)
texts = words.map(" ".join) | st.text(max_size=40)


@given(texts, texts)
def test_token_f1_does_not_care_which_side_is_the_answer(one, other):
    assert token_f1(one, [other]) == token_f1(other, [one])


@given(texts, texts)
def test_token_f1_lies_between_exact_match_and_one(one, other):
    assert exact_match(one, [other]) <= token_f1(one, [other]) <= 1.0


@given(texts)
def test_every_text_matches_itself(text):
    assert token_f1(text, [text]) == exact_match(text, [text]) == 1.0


@given(texts, st.lists(texts, min_size=1, max_size=4))
def test_another_accepted_answer_never_lowers_a_score(text, answers):
    answers = [answer for answer in answers if normalise_answer(answer)]
    for score in (token_f1, exact_match, contains, rouge_l) if answers else ():
        assert score(text, answers) >= max(score(text, [a]) for a in answers)
        assert score(text, [*answers, text + " more"]) >= score(text, answers)


@given(words, st.randoms())
def test_token_f1_does_not_care_about_word_order(tokens, random):
    shuffled = list(tokens)
    random.shuffle(shuffled)
    assert token_f1(" ".join(shuffled), [" ".join(tokens)]) == 1.0


def test_token_f1_counts_repeated_words_as_often_as_both_sides_have_them():
    assert Counter("bbb") & Counter("bbc") == Counter("bb")
    assert token_f1("b b b", ["b b c"]) == pytest.approx(2 / 3)


def test_without_accepted_answers_nothing_is_right():
    for score in (token_f1, exact_match, contains, rouge_l):
        assert score("x", []) == 0.0


def test_an_empty_answer_is_not_half_right():
    assert token_f1("", ["7 bar"]) == 0.0
    assert token_f1("the", ["an"]) == 1.0


def test_chinese_is_compared_by_characters():
    assert token_f1("压力阀门", ["压力"]) == pytest.approx(2 / 3)
    assert contains("检查压力阀门。", ["压力"]) == 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Set it to 7.5 bar, then wait.", "7.5 bar"),
        ("THE PUMP must stop", "the pump"),
        ("It weighs 4,680 kg.", "4680 kg"),
        ("at \u22125 °C", "-5 °C"),
        ("Replace the two-stage screw", "two-stage"),
        ("code E-114 means low oil", "E-114"),
        ("ﬁlter", "filter"),
    ],
)
def test_an_answer_is_found_whatever_its_case_and_punctuation(text, answer):
    assert contains(text, [answer]) == 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Set it to 75 bar.", "7.5 bar"),
        ("Set it to 17.5 bar.", "7.5 bar"),
        ("at 5 °C", "-5 °C"),
        ("the carpet", "car"),
        ("a pump with oil", "oil pump"),
        ("anything", "the"),
        ("1485 rpm", "1,48 rpm"),
    ],
)
def test_another_number_or_part_of_a_word_is_not_the_answer(text, answer):
    assert contains(text, [answer]) == 0.0


@given(words, words, words)
def test_a_text_contains_every_stretch_of_itself(before, middle, after):
    if terms(" ".join(middle)):
        assert contains(" ".join([*before, *middle, *after]), [" ".join(middle)]) == 1.0


@pytest.mark.parametrize(
    "text",
    [
        REFUSAL,
        "the documents do not contain the answer",
        "I am sorry. The documents do not contain the answer to this.",
        "The provided text does not mention the colour of the pump.",
        "The documents don’t specify it.",
        "This is not provided in the documents.",
        "The torque is not mentioned.",
        "It is not explicitly stated in the given context.",
        "There is no information about the colour.",
        "There is not enough information to say.",
        "I do not know.",
        "I cannot answer this question.",
        "The answer cannot be determined.",
        "The answer could not be found.",
        "The passage doesn't say who built it.",
    ],
)
def test_common_ways_of_refusing_are_refusals(text):
    assert looks_like_refusal(text, REFUSAL)


@pytest.mark.parametrize(
    "text",
    [
        "7.5 bar",
        "Do not open the valve.",
        "The oil does not contain zinc.",
        "No oil is needed for the first 500 hours.",
        "The pump is not included.",
        "Unable machines are replaced.",
        "",
        "Drain the water, then close the valve.",
        "Do not start the motor if the fan is not found to turn.",
    ],
)
def test_answers_with_a_negation_are_no_refusals(text):
    assert not looks_like_refusal(text, REFUSAL)


def test_a_long_text_is_an_answer_even_if_it_holds_the_refusal():
    padding = "word " * (MAX_REFUSAL_WORDS - len(REFUSAL.split()))
    assert looks_like_refusal(padding + REFUSAL, REFUSAL)
    assert not looks_like_refusal("word " + padding + REFUSAL, REFUSAL)


def test_an_empty_refusal_sentence_does_not_make_everything_a_refusal():
    assert not looks_like_refusal("7.5 bar", "")


@given(
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.sets(st.sampled_from("abcdefg"), min_size=1),
)
def test_ranking_metrics_stay_in_bounds_and_agree_at_the_ends(ranked, oracle):
    k = len(ranked)
    for value in (
        recall_at(ranked, oracle, k),
        hit_at(ranked, oracle, k),
        reciprocal_rank(ranked, oracle),
    ):
        assert 0.0 <= value <= 1.0
    assert recall_at(ranked, oracle, k) <= hit_at(ranked, oracle, k)
    assert (reciprocal_rank(ranked, oracle) > 0) == bool(hit_at(ranked, oracle, k))
    if k:
        assert 0.0 <= ndcg_at(ranked, oracle, k) <= 1.0 + 1e-12


def test_ranking_metrics_of_a_worked_example():
    ranked, oracle = ["x", "a", "y", "b"], {"a", "b", "c"}
    assert recall_at(ranked, oracle, 2) == pytest.approx(1 / 3)
    assert recall_at(ranked, oracle, 4) == pytest.approx(2 / 3)
    assert hit_at(ranked, oracle, 1) == 0.0
    assert reciprocal_rank(ranked, oracle) == 0.5
    gain, best = 0.63093 + 0.43068, 1.0 + 0.63093 + 0.5
    assert ndcg_at(ranked, oracle, 4) == pytest.approx(gain / best, abs=1e-4)


@given(st.permutations("abcd"))
def test_ndcg_is_one_only_if_the_oracle_chunks_come_first(ranked):
    perfect = set(ranked[:2]) == {"a", "b"}
    assert (ndcg_at(ranked, {"a", "b"}, 4) == pytest.approx(1.0)) == perfect
