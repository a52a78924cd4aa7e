"""ROUGE-L against a slow second implementation, and its laws."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.metrics import common_subsequence, normalise_answer, rouge_l, token_f1

tokens = st.lists(st.sampled_from("abcde"), max_size=12)
words = st.sampled_from(["pump", "valve", "oil", "the", "7.5", "bar", "opens", "at"])
sentences = st.lists(words, max_size=9).map(" ".join) | st.text(max_size=30)


def slow_length(one, other):
    """The recursion of the textbook."""

    @cache
    def length(i, j):
        if i == 0 or j == 0:
            return 0
        if one[i - 1] == other[j - 1]:
            return length(i - 1, j - 1) + 1
        return max(length(i - 1, j), length(i, j - 1))

    return length(len(one), len(other))


def slow_rouge(prediction, reference):
    """Lin (2004), section 3.1, with beta = 1."""
    said, right = normalise_answer(prediction).split(), normalise_answer(reference).split()
    if not said or not right:
        return float(said == right)
    shared = slow_length(said, right)
    if shared == 0:
        return 0.0
    precision, recall = shared / len(said), shared / len(right)
    return 2 * precision * recall / (precision + recall)


@given(tokens, tokens)
def test_the_length_is_that_of_the_recursion(one, other):
    assert common_subsequence(one, other) == slow_length(one, other)


@given(tokens, tokens, tokens)
def test_what_is_put_in_between_takes_nothing_away(one, other, more):
    shared = common_subsequence(one, other)
    assert common_subsequence([*one, *more], other) >= shared
    assert common_subsequence([*more, *one], [*more, *other]) >= shared + len(more)
    assert common_subsequence(one, other) == common_subsequence(other, one) <= len(one)


@given(st.lists(st.integers(0, 3).map(str), min_size=60, max_size=150), st.randoms())
def test_texts_longer_than_a_machine_word_are_counted_to_their_end(one, random):
    kept = sorted(random.sample(range(len(one)), 55))
    assert common_subsequence(one, [one[place] for place in kept]) == 55


@given(sentences, sentences)
def test_the_score_is_that_of_its_definition(prediction, reference):
    assert rouge_l(prediction, [reference]) == pytest.approx(slow_rouge(prediction, reference))


@given(sentences, st.lists(sentences.filter(normalise_answer), min_size=1, max_size=4))
def test_the_best_reference_counts(prediction, references):
    best = max(slow_rouge(prediction, reference) for reference in references)
    assert rouge_l(prediction, references) == pytest.approx(best)


@given(sentences, sentences)
def test_order_can_only_cost(prediction, reference):
    assert 0.0 <= rouge_l(prediction, [reference]) <= token_f1(prediction, [reference]) <= 1.0


@given(sentences)
def test_a_text_is_its_own_best_reference(text):
    assert rouge_l(text, [text]) == 1.0


def test_the_example_of_the_paper_with_the_articles_taken_out():
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", [reference]) == pytest.approx(2 / 3)
    assert rouge_l("the gunman kill police", [reference]) == pytest.approx(1 / 3)


def test_nothing_said_is_like_nothing():
    assert rouge_l("", ["7 bar"]) == rouge_l("7 bar", []) == 0.0
