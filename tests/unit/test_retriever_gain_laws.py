"""Laws of comparing retrievers: turning them round turns the sign, and none beats itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compared_retrievers import compared
from sfta.evaluation.retriever_gain import OVERALL, gain, is_better

RANKINGS = st.permutations(("oracle", "a", "b", "c")).map(tuple)
QUESTIONS = st.lists(
    st.tuples(st.sampled_from(["", "seen", "unseen"]), RANKINGS, RANKINGS),
    min_size=1,
    max_size=12,
)


def figures(before, after):
    return gain(before, after, resamples=500, cluster="question", seed=1)


@given(QUESTIONS, st.integers(1, 4))
def test_turned_round_the_gain_is_the_loss(questions, top_k):
    before, after = compared(questions, top_k)
    there, back = figures(before, after), figures(after, before)
    for name, found in there.items():
        for metric in ("recall", "ndcg"):
            one, other = found[metric], back[name][metric]
            assert one["before"] == other["after"]
            assert one["difference"] == pytest.approx(-other["difference"], abs=1e-6)


@given(QUESTIONS, st.integers(1, 4))
def test_no_retriever_is_better_than_itself_and_of_two_at_most_one_is(questions, top_k):
    before, after = compared(questions, top_k)
    assert not is_better(figures(before, before))
    assert not (is_better(figures(before, after)) and is_better(figures(after, before)))


@given(QUESTIONS, st.integers(1, 4))
def test_all_questions_are_counted_whatever_their_test_set(questions, top_k):
    found = figures(*compared(questions, top_k))
    assert found[OVERALL]["questions"] == len(questions)
    named = [test_set for test_set, _, _ in questions if test_set]
    assert sum(f["questions"] for name, f in found.items() if name != OVERALL) == len(named)
    for one in found.values():
        assert 0.0 <= one["ndcg"]["before"] <= 1.0
