"""Reports: what a model does wrong is found out, and nothing is claimed without its measure."""

import itertools
from dataclasses import replace

import pytest

from judged_arms import CASES, CONTRACT, REFUSAL, evaluation, good, oracle_place, weak
from sfta.evaluation.clusters import clusters_of
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import Question
from sfta.evaluation.results import results


def refuses(_):
    return REFUSAL


def copies_first_chunk(case):
    return CONTRACT.completion([], case.retrieved[0].text)


def forges_quotes(case):
    """Right answers and right refusals, with quotes that nobody wrote."""
    if not (place := oracle_place(case)):
        return REFUSAL
    return CONTRACT.completion([(place, "As everybody knows.")], case.question.answers[0])


def gate(report, name):
    return next(gate for gate in report["gates"] if gate["name"] == name)


def test_a_good_model_passes_and_the_verdict_says_that_training_helped():
    report = results(evaluation(good))
    assert report["passed"]
    assert report["verdict"].startswith("Fine-tuning helps: it answers and refuses better")
    assert report["verdict"].endswith("All gates are passed.")
    assert report["arms"]["raft_rag"]["metrics"]["token_f1"] == 0.9
    assert report["arms"]["raft_rag"]["metrics"]["token_f1_in_context"] == 1.0
    assert report["differences"]["token_f1"]["interval"][0] > 0
    assert report["mcnemar"]["p_value"] < 0.001
    assert report["settings"]["cluster"] == "page"
    assert len(report["warnings"]) == 1


def test_a_model_that_always_refuses_is_found_out():
    report = results(evaluation(refuses))
    assert not report["passed"]
    assert report["verdict"] == (
        "Do not ship: on 120 questions the trained model is not better than refusing every "
        "question. Not passed either: min_token_f1 is 0.000, below 0.5, min_refusal_f1 is "
        "0.491, below 0.5, max_over_refusal is 1.000, above 0.3, min_quote_validity cannot be "
        "measured, beat_baseline is not shown."
    )
    metrics = report["arms"]["raft_rag"]["metrics"]
    assert (metrics["refusal_recall"], metrics["over_refusal"]) == (1.0, 1.0)
    assert metrics["token_f1"] == 0.0
    assert not gate(report, "beat_trivial")["passed"]


def test_a_model_that_copies_the_first_chunk_is_found_out():
    report = results(evaluation(copies_first_chunk))
    assert not report["passed"]
    assert report["verdict"].startswith(
        "Do not ship: on 120 questions the trained model is not"
    )
    assert "copying the first retrieved chunk" in report["verdict"]
    # The copy contains the answer half of the time; the other metrics do not fall for it.
    metrics = report["arms"]["raft_rag"]["metrics"]
    assert metrics["contains"] > 0.3
    assert metrics["token_f1"] < 0.3
    assert metrics["quote_validity"] is None
    assert gate(report, "min_quote_validity")["passed"] is False


def test_right_answers_with_forged_quotes_do_not_ship():
    report = results(evaluation(forges_quotes))
    assert report["arms"]["raft_rag"]["metrics"]["token_f1"] == 0.9
    assert report["arms"]["raft_rag"]["metrics"]["quote_validity"] == 0.0
    assert report["arms"]["raft_rag"]["metrics"]["supported_answers"] == 0.0
    assert [g["name"] for g in report["gates"] if not g["passed"]] == [
        "min_quote_validity",
        "quotes_hold",
    ]
    assert report["verdict"].endswith(
        "Its quotes cannot be trusted: 100% of them do not stand in the chunk they name. It "
        "must not ship: min_quote_validity is 0.000, below 0.8, quotes_hold is 0.000, below 0.5."
    )


def test_a_base_model_that_is_as_good_means_do_not_fine_tune():
    report = results(evaluation(good, good))
    assert report["verdict"].startswith(
        "Do not fine-tune: the base model with the same chunks is as good"
    )
    assert gate(report, "beat_baseline") == {
        "name": "beat_baseline",
        "value": 0.0,
        "bound": 0.0,
        "passed": False,
        "meaning": "lower end of the token F1 gained over the base model with the same chunks",
    }
    assert not report["passed"]


def test_a_base_model_that_is_better_is_called_better():
    verdict = results(evaluation(weak, good, min_refusal_f1=None))["verdict"]
    assert verdict.startswith(("Do not fine-tune: the base model with", "Do not ship"))


def test_answering_more_and_refusing_less_is_named_as_such():
    def never_refuses(case):
        return CONTRACT.completion([], (case.question.answers or ("7 bar",))[0])

    def careful(case):
        return (
            REFUSAL if not oracle_place(case) or int(case.question.id[1:]) % 2 else good(case)
        )

    verdict = results(evaluation(never_refuses, careful))["verdict"]
    assert verdict.startswith("Fine-tuning helps answering and hurts refusing")


def test_without_the_base_arm_nothing_is_claimed_about_training_and_nothing_ships():
    report = results(evaluation(good, None))
    assert report["differences"] == {}
    assert report["mcnemar"] is None
    assert report["verdict"].startswith("The base model was not asked")
    assert [g["name"] for g in report["gates"] if not g["passed"]] == ["beat_baseline"]
    assert not report["passed"]


def test_a_gate_that_cannot_be_measured_is_not_passed():
    cases = [case for case in CASES if oracle_place(case)]
    report = results(evaluation(good, cases=cases))
    assert gate(report, "min_refusal_f1")["value"] is None
    assert not gate(report, "min_refusal_f1")["passed"]
    assert "min_refusal_f1 cannot be measured" in report["verdict"]


def test_gates_set_to_null_are_not_applied_but_those_of_comparison_always_are():
    config = dict.fromkeys(
        ["min_token_f1", "min_refusal_f1", "max_over_refusal", "min_quote_validity"]
    )
    report = results(evaluation(refuses, **config))
    assert [g["name"] for g in report["gates"]] == [
        "beat_baseline",
        "beat_trivial",
        "quotes_hold",
    ]
    assert not report["passed"]


def test_over_refusal_has_an_upper_bound():
    def shy(case):
        return good(case) if int(case.question.id[1:]) % 2 else REFUSAL

    found = gate(results(evaluation(shy)), "max_over_refusal")
    assert found["value"] > 0.3
    assert not found["passed"]


def test_trivial_baselines_are_always_in_the_report():
    baselines = results(evaluation(good))["baselines"]
    assert list(baselines) == ["refuse_all", "echo_question", "top_chunk", "always_yes"]
    assert baselines["always_yes"]["metrics"]["overall_f1"] == 0.0
    assert baselines["refuse_all"]["metrics"]["overall_f1"] == 0.25
    assert baselines["echo_question"]["metrics"]["exact_match"] == 0.0
    assert baselines["top_chunk"]["metrics"]["contains"] > 0.3


def test_retrieval_is_measured_on_the_frozen_ranking():
    figures = results(evaluation(good))["retrieval"]
    assert figures["n"] == 90
    assert figures["metrics"]["hit@4"] == 0.9
    assert figures["metrics"]["hit@1"] == 0.5
    assert figures["metrics"]["mrr@10"] == pytest.approx((0.5 * 90 + 0.5 * 36) / 90, abs=1e-6)
    assert figures["answer_in_context"] == 0.9


def test_slices_add_up_to_the_whole():
    report = results(evaluation(good, seen=["At what pressure does unit 3 run?"]))
    for dimension in ("kind", "place of the answer", "in training data"):
        parts = [part for part in report["slices"] if part["by"] == dimension]
        assert sum(part["n"] for part in parts) == 120
        total = sum(part["n"] * part["arms"]["raft_rag"]["value"] for part in parts) / 120
        assert total == pytest.approx(
            report["arms"]["raft_rag"]["metrics"]["overall_f1"], abs=1e-5
        )
    assert report["leakage"]["exact"] == 1
    assert any("1 test questions stand in the training data" in w for w in report["warnings"])


def test_small_and_lopsided_benchmarks_carry_a_warning():
    cases = [case for case in CASES if case.question.answerable][:20]
    warnings = " ".join(results(evaluation(good, cases=cases))["warnings"])
    assert "Only 20 questions" in warnings
    assert "Too few documents to resample, so pages are" in warnings
    assert "No question is unanswerable" in warnings
    fixed = " ".join(results(evaluation(good, cases=cases, cluster="document"))["warnings"])
    assert "The answers lie in only 2 documents" in fixed


def test_clusters_follow_the_configuration():
    counts = {
        level: len(set(clusters_of(CASES, level).names))
        for level in ("document", "page", "question")
    }
    assert counts == {"document": 9 + 30, "page": 120, "question": 120}


def test_automatic_clusters_are_the_coarsest_that_are_enough():
    def case(document, page, number):
        oracle = Oracle(("c1",), document, f"{document} page {page}")
        asked = Question(f"q{number}", "?", ("x",), answerable=True)
        return replace(CASES[0], question=asked, oracle=oracle)

    spread = [case(f"d{n}", 1, n) for n in range(15)]
    pages = [case("d", n // 2, n) for n in range(30)]
    crowded = [case("d", 1, n) for n in range(30)]
    levels = [clusters_of(cases, "auto").level for cases in (spread, pages, crowded)]
    assert levels == ["document", "page", "question"]
    assert clusters_of(crowded, "document").answered == 1


def test_prompts_that_did_not_fit_carry_a_warning():
    asked = evaluation(good)
    trained = asked.arms[1]
    replies = [replace(trained.replies[0], given=("c1",)), *trained.replies[1:]]
    cut = replace(asked, arms=[asked.arms[0], replace(trained, replies=replies)])
    assert "for 1 questions not all chunks fit" in results(cut)["warnings"][-1]


def test_test_sets_have_lines_of_their_own_where_there_are_two():
    assert "test set" not in {part["by"] for part in results(evaluation(good))["slices"]}
    cases = [
        replace(case, question=replace(case.question, test_set=name))
        for case, name in zip(
            CASES, itertools.cycle(["seen documents", "unseen documents"]), strict=False
        )
    ]
    parts = [
        p for p in results(evaluation(good, cases=cases))["slices"] if p["by"] == "test set"
    ]
    assert [part["name"] for part in parts] == ["seen documents", "unseen documents"]
    assert sum(part["n"] for part in parts) == len(CASES)
