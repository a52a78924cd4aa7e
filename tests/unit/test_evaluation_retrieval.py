"""Retrieval figures follow from the rank of the oracle, where something was searched for."""

import pytest

from judged_cases import CHUNKS
from sfta.evaluation.cases import make_cases
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import GivenDocument, Question
from sfta.evaluation.retrieval import retrieval_figures
from sfta.evaluation.statistics import Resampling


def search_that_finds(ranking):
    return lambda questions, depth: [[CHUNKS[n] for n in ranking][:depth] for _ in questions]


@pytest.mark.parametrize(
    ("ranking", "hit_at_top", "reciprocal"),
    [([0, 1, 2, 3], 1.0, 1.0), ([1, 0, 2, 3], 1.0, 0.5), ([1, 2, 0, 3], 0.0, 1 / 3)],
)
def test_retrieval_figures_follow_the_rank_of_the_oracle(ranking, hit_at_top, reciprocal):
    questions = [
        Question(f"q{n}", "?", ("7.5 bar",), answerable=True, oracle_ids=("c0",))
        for n in range(3)
    ]
    oracles = [Oracle(("c0",), q.id, q.id) for q in questions]
    by_id = {chunk.id: chunk for chunk in CHUNKS}
    cases = make_cases(questions, oracles, by_id, search_that_finds(ranking), top_k=2, depth=4)
    found = retrieval_figures(cases, Resampling([q.id for q in questions], 1000, 1))
    assert found["n"] == 3
    assert found["metrics"]["hit@2"] == hit_at_top
    assert found["metrics"]["hit@4"] == 1.0
    assert found["metrics"]["mrr@4"] == pytest.approx(reciprocal, abs=1e-6)
    assert found["answer_in_context"] == hit_at_top


def test_retrieval_is_not_measured_where_nothing_was_searched_for():
    given_document = (GivenDocument("x", "T", "7.5 bar"),)
    question = Question("q", "?", ("7.5 bar",), True, given_document, oracle_ids=("x",))
    cases = make_cases(
        [question],
        [Oracle(("x",), "x", "x")],
        {},
        search_that_finds([]),
        top_k=2,
        depth=4,
    )
    found = retrieval_figures(cases, Resampling(["x"], 1000, 1))
    assert (found["n"], found["metrics"], found["answer_in_context"]) == (0, {}, 1.0)
