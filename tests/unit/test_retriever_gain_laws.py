"""Laws of comparing retrievers: turning them round turns the sign, and none beats itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.retriever_gain import OVERALL, Searched, gain, is_better

NAMES = ("oracle", "a", "b", "c")
RANKINGS = st.permutations(NAMES).map(tuple)
QUESTIONS = st.lists(
    st.tuples(st.sampled_from(["", "seen", "unseen"]), RANKINGS, RANKINGS),
    min_size=1,
    max_size=12,
)


def searched(questions):
    return [
        Searched(test_set, f"d{number}", ("oracle",), before, after)
        for number, (test_set, before, after) in enumerate(questions)
    ]


def turned(found):
    return [Searched(s.test_set, s.group, s.oracles, s.after, s.before) for s in found]


@given(QUESTIONS, st.integers(1, 4))
def test_turned_round_the_gain_is_the_loss(questions, top_k):
    found = searched(questions)
    there, back = gain(found, top_k, 1), gain(turned(found), top_k, 1)
    for name, figures in there.items():
        for metric in (f"recall@{top_k}", "ndcg@10"):
            one, other = figures[metric], back[name][metric]
            assert one["before"] == other["after"]
            assert one["difference"] == pytest.approx(-other["difference"], abs=1e-6)


@given(QUESTIONS, st.integers(1, 4))
def test_no_retriever_is_better_than_itself_and_of_two_at_most_one_is(questions, top_k):
    found = searched(questions)
    same = [Searched(s.test_set, s.group, s.oracles, s.before, s.before) for s in found]
    assert not is_better(gain(same, top_k, 1), top_k)
    there, back = gain(found, top_k, 1), gain(turned(found), top_k, 1)
    assert not (is_better(there, top_k) and is_better(back, top_k))


@given(QUESTIONS, st.integers(1, 4))
def test_all_questions_are_counted_whatever_their_test_set(questions, top_k):
    found = gain(searched(questions), top_k, 1)
    assert found[OVERALL]["questions"] == len(questions)
    named = [test_set for test_set, _, _ in questions if test_set]
    assert sum(f["questions"] for name, f in found.items() if name != OVERALL) == len(named)
    for figures in found.values():
        assert 0.0 <= figures["ndcg@10"]["before"] <= 1.0
