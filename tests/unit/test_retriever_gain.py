"""Whether a trained retriever is better: figures by test set, and the rule that decides."""

import pytest

from compared_retrievers import FIRST, NEVER, SECOND, compared
from sfta.evaluation.retriever_gain import OVERALL, gain, is_better

SEEN = "seen documents"


def figures(rankings, top_k=1, **more):
    before, after = compared(rankings, top_k)
    return gain(before, after, resamples=2000, cluster="auto", seed=1, **more)


def test_each_test_set_has_its_figures_and_all_together():
    found = figures(
        [(SEEN, SECOND, FIRST), ("unseen documents", NEVER, FIRST), ("", FIRST, FIRST)]
    )
    assert set(found) == {OVERALL, SEEN, "unseen documents"}
    assert [found[name]["questions"] for name in sorted(found)] == [3, 1, 1]
    recall = found[SEEN]["recall"]
    assert (recall["before"], recall["after"], recall["difference"]) == (0.0, 1.0, 1.0)
    assert found[SEEN]["ndcg"]["before"] == pytest.approx(0.63093)


def test_recall_counts_what_the_model_is_given():
    assert figures([("", SECOND, SECOND)], top_k=1)[OVERALL]["recall"]["before"] == 0.0
    assert figures([("", SECOND, SECOND)], top_k=2)[OVERALL]["recall"]["before"] == 1.0


def test_a_clear_gain_is_better():
    assert is_better(figures([(SEEN, SECOND, FIRST)] * 30))


def test_a_gain_within_chance_is_not():
    mixed = [(SEEN, SECOND, FIRST), (SEEN, FIRST, SECOND)] * 15
    assert not is_better(figures([*mixed, (SEEN, SECOND, FIRST)], top_k=2))
    assert not is_better(figures([(SEEN, FIRST, FIRST)] * 9))


def test_a_loss_on_one_test_set_is_not_made_up_for_by_another():
    found = figures([(SEEN, SECOND, FIRST)] * 60 + [("benchmark", FIRST, NEVER)] * 2)
    assert found[OVERALL]["ndcg"]["interval"][0] > 0
    assert not is_better(found)


def test_a_test_set_beside_the_others_speaks_against_a_change_and_not_for_it():
    rankings = [(SEEN, FIRST, FIRST)] * 20 + [("benchmark", SECOND, FIRST)] * 60
    assert is_better(figures(rankings, top_k=2))
    found = figures(rankings, top_k=2, beside="benchmark")
    assert (found[OVERALL]["questions"], found["benchmark"]["questions"]) == (20, 60)
    assert not is_better(found)
