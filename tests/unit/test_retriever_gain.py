"""Whether a trained retriever is better: figures by test set, and the rule that decides."""

import pytest

from sfta.evaluation.retriever_gain import OVERALL, Searched, gain, is_better


def searched(number, before, after, *, test_set="seen documents"):
    return Searched(test_set, f"d{number}", ("oracle",), tuple(before), tuple(after))


FIRST, SECOND, NEVER = ("oracle", "x"), ("x", "oracle"), ("x", "y")


def test_each_test_set_has_its_figures_and_all_together():
    found = gain(
        [
            searched(1, SECOND, FIRST),
            searched(2, NEVER, FIRST, test_set="unseen documents"),
            searched(3, FIRST, FIRST, test_set=""),
        ],
        top_k=1,
        seed=1,
    )
    assert set(found) == {OVERALL, "seen documents", "unseen documents"}
    assert [found[name]["questions"] for name in sorted(found)] == [3, 1, 1]
    recall = found["seen documents"]["recall@1"]
    assert (recall["before"], recall["after"], recall["difference"]) == (0.0, 1.0, 1.0)
    assert found["seen documents"]["ndcg@10"]["before"] == pytest.approx(0.63093)


def test_a_clear_gain_is_better():
    figures = gain([searched(n, SECOND, FIRST) for n in range(30)], top_k=1, seed=1)
    assert is_better(figures, 1)


def test_a_gain_within_chance_is_not():
    mixed = [
        searched(n, SECOND, FIRST) if n % 2 else searched(n, FIRST, SECOND) for n in range(30)
    ]
    assert not is_better(gain([*mixed, searched(31, SECOND, FIRST)], top_k=2, seed=1), 2)
    assert not is_better(
        gain([searched(n, FIRST, FIRST) for n in range(9)], top_k=1, seed=1), 1
    )


def test_a_loss_on_one_test_set_is_not_made_up_for_by_another():
    many = [searched(n, SECOND, FIRST) for n in range(60)]
    lost = [searched(60 + n, FIRST, NEVER, test_set="benchmark") for n in range(2)]
    figures = gain([*many, *lost], top_k=1, seed=1)
    assert figures[OVERALL]["ndcg@10"]["interval"][0] > 0
    assert not is_better(figures, 1)


def test_a_test_set_beside_the_others_speaks_against_a_change_and_not_for_it():
    same = [searched(n, FIRST, FIRST) for n in range(20)]
    gained = [searched(20 + n, SECOND, FIRST, test_set="benchmark") for n in range(60)]
    assert is_better(gain([*same, *gained], top_k=2, seed=1), 2)
    found = gain([*same, *gained], top_k=2, seed=1, beside="benchmark")
    assert (found[OVERALL]["questions"], found["benchmark"]["questions"]) == (20, 60)
    assert not is_better(found, 2)
