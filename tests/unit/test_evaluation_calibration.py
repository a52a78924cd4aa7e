"""The refusal threshold, the clusters and the warnings that go with the numbers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.arms import Reply, arm_of
from sfta.evaluation.calibration import Margin, fit_bias
from sfta.evaluation.cases import Case
from sfta.evaluation.caveats import warnings
from sfta.evaluation.clusters import FEW_CLUSTERS, clusters_of
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.judgement import judge
from sfta.evaluation.leakage import Leakage, Match
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.questions import Question
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings

CONTRACT = PromptContract(
    head="",
    between="",
    tail="",
    end="",
    system="",
    document="{number}{text}",
    question="{question}",
    refusal="The documents do not contain the answer.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)
CHUNK = Chunk("c", "d", "Manual", 1, "", "7 bar", 0, 5, "m.pdf")
margins = st.lists(
    st.builds(Margin, st.integers(-12, 12).map(lambda n: n / 2), st.booleans()), max_size=12
)


def grounded_f1(rows, bias):
    """Mean of both F1 times two, row by row."""
    score = 0.0
    for wanted in (True, False):
        said = [(row.gap + bias > 0) == wanted for row in rows]
        right = [row.should_refuse == wanted for row in rows]
        both = sum(s and r for s, r in zip(said, right, strict=True))
        score += 2 * both / (sum(said) + sum(right)) if sum(said) + sum(right) else 0.0
    return score


@given(margins)
def test_the_fitted_bias_is_never_worse_than_none(rows):
    found = fit_bias(rows)
    assert grounded_f1(rows, found.bias) >= grounded_f1(rows, 0.0) - 1e-9


@given(margins)
def test_no_bias_that_tells_rows_apart_is_better_than_the_fitted_one(rows):
    found = fit_bias(rows)
    edges = [-row.gap for row in rows]
    if {row.should_refuse for row in rows} == {True, False}:
        grid = [step / 8 for step in range(-48, 49) if min(edges) < step / 8 < max(edges)]
        for bias in grid:
            if bias not in edges:
                assert grounded_f1(rows, found.bias) >= grounded_f1(rows, bias) - 1e-9


@given(margins)
def test_a_fitted_threshold_is_one_the_device_takes_and_means_the_same_there(rows):
    found = fit_bias(rows)
    settings = AnswerSettings(refusal_threshold=found.threshold)
    assert settings.refusal_bias == pytest.approx(found.bias, abs=0.02)
    assert 0.0 <= found.refusal_f1 <= 1.0
    assert found.rows == len(rows)


def test_the_bias_nearest_to_the_models_own_choice_is_taken():
    rows = [Margin(-1.0, False), Margin(5.0, True)]
    assert fit_bias(rows).bias == 0.0


def make_case(number, *, document="m.pdf", answerable=True, known=True):
    question = Question(f"q{number}", "?", ("7 bar",) if answerable else (), answerable)
    ids = ("c",) if known and answerable else ()
    group = document if answerable else question.id
    oracle = Oracle(ids, group, f"{group} page {number}")
    return Case(question, oracle, (CHUNK,), (CHUNK,), (CHUNK,))


def make_evaluation(cases, *, given_chunks=("c",), matches=(), cluster="auto"):
    replies = [
        Reply(c.question.id, "Answer: 7 bar", given_chunks, False, 1, 1, 1.0) for c in cases
    ]
    judged = [judge(case, (CHUNK,), "Answer: 7 bar", CONTRACT) for case in cases]
    arms = [ArmResult(arm_of("raft_rag"), replies, judged)]
    config = EvaluateConfig(cluster=cluster)
    return Evaluation(cases, arms, CONTRACT, Leakage(tuple(matches), 9), config, {}, 7)


def warned(cases, **known):
    evaluation = make_evaluation(cases, **known)
    return warnings(evaluation, clusters_of(cases, evaluation.config.cluster))


ENOUGH = [make_case(n, document=f"d{n % 20}") for n in range(90)] + [
    make_case(n, answerable=False) for n in range(90, 120)
]


def test_a_benchmark_with_nothing_to_warn_of_carries_no_warning():
    assert warned(ENOUGH) == []


@pytest.mark.parametrize(
    ("cases", "known", "sentence"),
    [
        (ENOUGH[:40] + ENOUGH[100:], {}, "Only 60 questions"),
        (ENOUGH[:90] + ENOUGH[:10], {}, "No question is unanswerable"),
        ([*ENOUGH, make_case(200, known=False)], {}, "1 answerable questions name no oracle"),
        (ENOUGH, {"given_chunks": ()}, "for 120 questions not all chunks fit"),
        (
            [make_case(n) for n in range(90)] + ENOUGH[90:],
            {"cluster": "document"},
            "The answers lie in only 1 documents",
        ),
        ([make_case(n) for n in range(90)] + ENOUGH[90:], {}, "Too few documents to resample"),
        (
            ENOUGH,
            {"matches": [Match("q1", "?", "?", 1.0, exact=True)]},
            "1 test questions stand in the training data",
        ),
    ],
)
def test_each_limit_of_the_numbers_has_its_warning(cases, known, sentence):
    found = warned(cases, **known)
    assert len(found) == 1
    assert found[0].startswith(sentence) or sentence in found[0]


@pytest.mark.parametrize("count", [1, FEW_CLUSTERS - 1, FEW_CLUSTERS, 40])
def test_documents_are_resampled_from_a_number_on_that_carries_an_interval(count):
    cases = [make_case(n, document=f"d{n % count}") for n in range(80)]
    found = clusters_of(cases, "auto")
    assert found.level == ("document" if count >= FEW_CLUSTERS else "page")
    assert len(found.names) == 80


def test_unanswerable_questions_do_not_make_up_for_missing_documents():
    cases = [make_case(0)] + [make_case(n, answerable=False) for n in range(1, 60)]
    assert clusters_of(cases, "document").answered == 1
    assert clusters_of(cases, "auto").level == "question"


def test_a_group_of_the_benchmark_holds_unanswerable_questions_together():
    case = make_case(1, answerable=False)
    grouped = replace(case, oracle=replace(case.oracle, group="chapter"))
    found = clusters_of([grouped, grouped], "document")
    assert found.names == ["chapter", "chapter"]
    assert found.answered == 0
