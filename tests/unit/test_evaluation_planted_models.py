"""Models whose fault is known, through the real judging code: each gets the verdict it deserves."""

import pytest

from judged_arms import CASES, CONTRACT, REFUSAL, evaluation, good, oracle_place, weak
from sfta.evaluation.results import results


def number_of(case):
    return int(case.question.id[1:])


def refuses(_):
    return REFUSAL


def copies_first_chunk(case):
    return CONTRACT.completion([], case.retrieved[0].text)


def forges_quotes(case):
    if not (place := oracle_place(case)):
        return REFUSAL
    return CONTRACT.completion([(place, "As everybody knows.")], case.question.answers[0])


def forges_some_quotes(case):
    return forges_quotes(case) if number_of(case) % 3 == 0 else good(case)


def shy(case):
    """Better than the base model, and refuses half of what it could answer."""
    return good(case) if number_of(case) % 2 else REFUSAL


def clumsy(case):
    """Right with more words: a little worse than `good` on every answered question."""
    return f"{good(case)} as said" if oracle_place(case) else REFUSAL


def blue(_):
    return "I think it is blue."


def failed(report):
    return [gate["name"] for gate in report["gates"] if not gate["passed"]]


def test_always_refusing_is_named_and_every_gate_that_fails_with_it():
    report = results(evaluation(refuses))
    assert report["verdict"].startswith(
        "Do not ship: on 120 questions the trained model is not"
    )
    assert "refusing every question" in report["verdict"]
    assert failed(report) == [
        "min_token_f1",
        "min_refusal_f1",
        "max_over_refusal",
        "min_quote_validity",
        "beat_baseline",
        "beat_trivial",
    ]
    for name in set(failed(report)) - {"beat_trivial"}:
        assert name in report["verdict"]


def test_copying_the_first_chunk_is_called_by_its_name():
    report = results(evaluation(copies_first_chunk))
    assert report["verdict"].startswith("Do not ship: on 120 questions")
    assert "copying the first retrieved chunk" in report["verdict"]
    assert "min_quote_validity cannot be measured" in report["verdict"]


@pytest.mark.parametrize("bound", [0.8, None])
def test_perfect_answers_with_forged_quotes_never_pass(bound):
    report = results(evaluation(forges_quotes, min_quote_validity=bound))
    assert report["arms"]["raft_rag"]["metrics"]["token_f1_in_context"] == 1.0
    assert "quotes_hold" in failed(report)
    assert "Its quotes cannot be trusted: 100% of them do not stand" in report["verdict"]
    assert not report["passed"]


def test_some_forged_quotes_are_what_a_recipe_may_bear_and_usually_does_not():
    assert failed(results(evaluation(forges_some_quotes))) == ["min_quote_validity"]
    lenient = results(evaluation(forges_some_quotes, min_quote_validity=0.5))
    assert lenient["passed"]


def test_a_base_model_as_good_means_do_not_fine_tune():
    report = results(evaluation(good, good))
    assert report["verdict"].startswith(
        "Do not fine-tune: the base model with the same chunks is as good, as far as 120 "
        "questions can tell: token F1 +0.000 (95 % interval +0.000 to +0.000)."
    )
    assert failed(report) == ["beat_baseline"]


def test_a_base_model_with_examples_as_good_means_do_not_fine_tune_either():
    report = results(evaluation(good, others={"base_few_shot": good}))
    assert report["verdict"].startswith(
        "Do not fine-tune: the base model with the same chunks and examples is as good"
    )
    assert failed(report) == ["beat_baseline"]
    # What the two keys say of the plain base model stays as it was.
    assert report["differences"]["token_f1"]["interval"][0] > 0
    assert report["mcnemar"]["only_trained_right"] > 0
    assert report["against"]["base_few_shot"]["mcnemar"]["only_trained_right"] == 0


def test_other_models_that_do_as_well_or_better_are_named_and_fail_no_gate():
    report = results(evaluation(clumsy, others={"sft_rag": clumsy, "llm_rag": good}))
    assert "sft + retrieval answers as well" in report["verdict"]
    assert "llm + retrieval answers better (token F1 +0." in report["verdict"]
    assert failed(report) == []
    assert list(report["against"]) == ["base_rag", "sft_rag", "llm_rag"]
    gained = report["against"]["llm_rag"]["differences"]["token_f1"]
    assert gained["interval"][1] < 0


def test_better_and_refusing_too_much_may_not_ship():
    report = results(evaluation(shy, blue))
    assert report["verdict"].startswith("Fine-tuning helps")
    assert "max_over_refusal" in failed(report)
    assert "max_over_refusal is 0.556, above 0.3" in report["verdict"]


@pytest.mark.parametrize("count", [3, 5])
def test_a_handful_of_questions_shows_nothing_however_well_they_are_answered(count):
    cases = [case for case in CASES if oracle_place(case)][:count]
    report = results(evaluation(good, blue, cases=cases))
    assert report["differences"]["token_f1"]["value"] == 1.0
    assert report["differences"]["token_f1"]["interval"] == [0.0, 1.0]
    assert {"beat_baseline", "beat_trivial"} <= set(failed(report))
    assert report["verdict"].startswith(f"Do not ship yet: {count} questions cannot show")


def test_few_questions_that_beat_only_what_is_trivial_leave_the_rest_undecided():
    answered = [case for case in CASES if oracle_place(case)][:8]
    base = {case.question.id: good(case) if place < 5 else blue(case) for place, case in
            enumerate(answered)}  # fmt: skip
    report = results(evaluation(good, lambda case: base[case.question.id], cases=answered))
    assert report["differences"]["token_f1"]["interval"][0] == 0.0
    assert report["verdict"].startswith("Not decided: 8 questions cannot tell")
    assert failed(report) == ["min_refusal_f1", "beat_baseline"]


def test_ten_arms_are_all_compared_with_the_trained_model():
    names = ["base_closed", "base_few_shot", "base_oracle", "raft_closed", "raft_oracle",
             "sft_rag", "llm_rag", "llm_closed"]  # fmt: skip
    report = results(evaluation(good, others=dict.fromkeys(names, weak)))
    assert list(report["against"]) == ["base_rag", *names]
    assert report["against"]["base_rag"]["differences"] == report["differences"]
    for found in report["against"].values():
        assert set(found) == {"label", "differences", "mcnemar"}
    assert report["passed"]
