"""What may be said, and what may ship: every combination of intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.baselines import BASELINES
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.rivals import Rival
from sfta.evaluation.statistics import Estimate, McNemar
from sfta.evaluation.verdict import ALWAYS, Comparison, judge_gates, verdict

UP, LEVEL, DOWN = (Estimate(s, s - 0.05, s + 0.05) for s in (0.1, 0.0, -0.1))
WIDE = Estimate(0.1, -0.1, 0.3)
UNKNOWN = Estimate(None, None, None)
BASE = "the base model with the same chunks"
GOOD = {
    "token_f1": 0.8,
    "refusal_f1": 0.7,
    "over_refusal": 0.1,
    "quote_validity": 0.95,
}


def exactly(value):
    return UNKNOWN if value is None else Estimate(value, value, value)


def rival(model, context, answers, refusals=LEVEL):
    gained = {metric.key: LEVEL for metric in METRICS}
    gained |= {"token_f1": answers, "refusal_f1": refusals}
    name = f"{model}_{context}"
    return Rival(name, f"Arm {name}", model, context, gained, McNemar(0, 0, 1.0))


def comparison(answers=UP, refusals=UP, *, trivial=UP, questions=120, rivals=(), **metrics):
    values = {metric.key: 0.9 for metric in METRICS} | GOOD | metrics
    gained = {metric.key: LEVEL for metric in METRICS}
    gained |= {"token_f1": answers, "refusal_f1": refusals}
    return Comparison(
        candidate={key: exactly(value) for key, value in values.items()},
        gained=gained,
        over_trivial=dict.fromkeys(BASELINES, trivial),
        questions=questions,
        rivals=rivals,
    )


def judged(found, **config):
    gates = judge_gates(EvaluateConfig(**config), found)
    return {gate.name: gate for gate in gates}, verdict(gates, found)


@pytest.mark.parametrize(
    ("answers", "refusals", "sentence"),
    [
        (UP, UP, f"Fine-tuning helps: it answers and refuses better than {BASE}"),
        (UP, LEVEL, f"Fine-tuning helps: it answers better than {BASE}"),
        (UP, UNKNOWN, f"Fine-tuning helps: it answers better than {BASE}"),
        (UP, DOWN, "Fine-tuning helps answering and hurts refusing"),
        (LEVEL, UP, f"Fine-tuning helps refusing only; {BASE} answers as well"),
        (LEVEL, LEVEL, f"Do not fine-tune: {BASE} is as good"),
        (LEVEL, DOWN, f"Do not fine-tune: it hurts refusing, and {BASE} answers as well"),
        (DOWN, UP, "Fine-tuning trades answers for refusals"),
        (DOWN, LEVEL, f"Do not fine-tune: {BASE} answers better"),
        (DOWN, DOWN, f"Do not fine-tune: {BASE} answers and refuses better"),
        (WIDE, UP, "Not decided: 120 questions cannot tell whether fine-tuning answers better"),
        (WIDE, LEVEL, "Not decided: 120 questions cannot tell"),
        (UNKNOWN, UNKNOWN, "Not decided: 120 questions cannot tell"),
    ],
)
def test_the_verdict_follows_from_the_two_intervals(answers, refusals, sentence):
    gates, words = judged(comparison(answers, refusals))
    assert words.startswith(sentence)
    assert ("as far as 120 questions can tell" in words) != sentence.startswith("Not decided")
    if answers is WIDE:
        assert ("It refuses better." in words) == (refusals is UP)
    assert gates["beat_baseline"].passed == (answers is UP)


def test_an_interval_that_touches_zero_shows_nothing():
    for touching, beginning in (
        (Estimate(0.05, 0.0, 0.1), "Do not fine-tune"),
        (Estimate(0.1, 0.0, 0.2), "Not decided"),
    ):
        gates, words = judged(comparison(touching, LEVEL))
        assert not gates["beat_baseline"].passed
        assert words.startswith(beginning)


def test_the_verdict_names_gain_and_interval_with_their_signs():
    _, words = judged(comparison(DOWN))
    assert "token F1 -0.100 (95 % interval -0.150 to -0.050)" in words


@pytest.mark.parametrize(
    ("metric", "value", "gate", "passed"),
    [
        ("token_f1", 0.5, "min_token_f1", True),
        ("token_f1", 0.499, "min_token_f1", False),
        ("refusal_f1", 0.5, "min_refusal_f1", True),
        ("refusal_f1", 0.499, "min_refusal_f1", False),
        ("refusal_f1", None, "min_refusal_f1", False),
        ("over_refusal", 0.3, "max_over_refusal", True),
        ("over_refusal", 0.301, "max_over_refusal", False),
        ("over_refusal", None, "max_over_refusal", False),
        ("quote_validity", 0.8, "min_quote_validity", True),
        ("quote_validity", 0.0, "min_quote_validity", False),
        ("quote_validity", None, "min_quote_validity", False),
    ],
)
def test_each_gate_can_fail_and_its_bound_itself_passes(metric, value, gate, passed):
    gates, words = judged(comparison(**{metric: value}))
    assert gates[gate].passed is passed
    below_half = metric == "quote_validity" and value == 0.0
    assert [name for name, found in gates.items() if not found.passed] == (
        [] if passed else [gate, "quotes_hold"] if below_half else [gate]
    )
    assert words.endswith("All gates are passed.") == passed
    assert (gate in words) != passed


def test_all_failed_gates_are_named():
    _, words = judged(comparison(LEVEL, token_f1=0.1, over_refusal=0.9, quote_validity=None))
    assert words.endswith(
        "It must not ship: min_token_f1 is 0.100, below 0.5, "
        "max_over_refusal is 0.900, above 0.3, min_quote_validity cannot be measured, "
        "beat_baseline is not shown."
    )


@pytest.mark.parametrize("trivial", [LEVEL, DOWN, UNKNOWN])
def test_what_does_not_beat_a_trivial_system_does_not_ship_whatever_else_it_reaches(trivial):
    found = comparison(trivial=trivial)
    gates, words = judged(
        found,
        min_token_f1=None,
        min_refusal_f1=None,
        max_over_refusal=None,
        min_quote_validity=None,
    )
    assert set(gates) == ALWAYS
    assert not gates["beat_trivial"].passed
    assert words.startswith(
        "Do not ship yet: 120 questions cannot show that the trained model is better than "
        if trivial is UNKNOWN
        else "Do not ship: on 120 questions the trained model is not better than "
    )
    for baseline in BASELINES.values():
        assert baseline.label in words


def test_the_trivial_system_that_is_beaten_by_least_decides():
    found = comparison()
    found.over_trivial["top_chunk"] = DOWN
    gates, words = judged(found)
    assert gates["beat_trivial"].value == DOWN.low
    assert BASELINES["top_chunk"].label in words
    assert BASELINES["echo_question"].label not in words
    assert BASELINES["top_chunk"].label in gates["beat_trivial"].meaning


def test_without_the_base_model_its_gate_fails_and_nothing_is_claimed():
    full = comparison()
    found = Comparison(full.candidate, None, full.over_trivial, 120)
    gates, words = judged(found)
    assert gates["beat_baseline"].value is None
    assert not gates["beat_baseline"].passed
    assert words.startswith("The base model was not asked")
    assert "beat_baseline cannot be measured" in words


@pytest.mark.parametrize(
    ("model", "context", "answers", "helps"),
    [
        ("base", "few_shot", LEVEL, False),
        ("base", "closed", DOWN, False),
        ("base", "few_shot", Estimate(0.08, 0.03, 0.13), True),
        ("base", "oracle", DOWN, True),
        ("sft", "rag", DOWN, True),
        ("raft", "few_shot", DOWN, True),
    ],
)
def test_every_form_of_the_base_model_that_a_device_could_run_has_to_be_beaten(
    model, context, answers, helps
):
    gates, words = judged(comparison(rivals=[rival(model, context, answers)]))
    assert gates["beat_baseline"].passed is helps
    assert words.startswith("Fine-tuning helps" if helps else "Do not fine-tune")
    assert ("All gates are passed" in words) is helps
    if model == "base" and context == "few_shot":
        assert "the base model with the same chunks and examples" in words
        assert gates["beat_baseline"].meaning.endswith("chunks and examples")
        assert gates["beat_baseline"].value == answers.low


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (DOWN, "Arm llm_rag answers better (token F1 +0.100)"),
        (LEVEL, "Arm llm_rag answers as well"),
        (WIDE, "Arm llm_rag cannot be told from it"),
        (UNKNOWN, "Arm llm_rag cannot be told from it (token F1 not measurable)"),
        (UP, "Arm llm_rag answers worse"),
    ],
)
def test_other_models_are_named_with_what_they_reach(answers, said):
    _, words = judged(comparison(rivals=[rival("llm", "rag", answers)]))
    assert f"Beside it: {said}" in words
    assert words.endswith("All gates are passed.")


@pytest.mark.parametrize(("answers", "said"), [(LEVEL, True), (UP, False), (WIDE, False)])
def test_a_trained_model_that_needs_no_documents_is_told(answers, said):
    _, words = judged(comparison(rivals=[rival("raft", "closed", answers)]))
    assert ("it recites what it has learnt" in words) is said


@pytest.mark.parametrize(
    ("validity", "passed", "value"),
    [
        (Estimate(0.9, 0.8, 1.0), True, 0.8),
        (Estimate(0.6, 0.5, 0.7), False, 0.5),
        (Estimate(0.0, 0.0, 0.0), False, 0.0),
        (UNKNOWN, True, 1.0),
    ],
)
def test_forged_quotes_do_not_ship_even_where_the_recipe_asks_for_none(validity, passed, value):
    found = comparison()
    found.candidate["quote_validity"] = validity
    gates, words = judged(found, min_quote_validity=None)
    assert gates["quotes_hold"].passed is passed
    assert gates["quotes_hold"].value == value
    assert ("Its quotes cannot be trusted" in words) is not passed
    assert words.endswith("All gates are passed.") is passed


shares = st.none() | st.floats(0, 1)
spreads = st.tuples(st.floats(-1, 1), st.floats(0, 1)).map(
    lambda pair: Estimate(pair[0], pair[0] - pair[1], pair[0] + pair[1])
)


@given(st.tuples(spreads, spreads, spreads), st.tuples(shares, shares, shares, shares))
def test_a_verdict_never_promises_more_than_the_gates(gained, values):
    keys = ("token_f1", "refusal_f1", "over_refusal", "quote_validity")
    found = comparison(
        gained[0], gained[1], trivial=gained[2], **dict(zip(keys, values, strict=True))
    )
    gates, words = judged(found)
    passed = all(gate.passed for gate in gates.values())
    assert words.endswith("All gates are passed.") == passed
    assert ("ot ship" in words) != passed
    for gate in gates.values():
        assert not (gate.passed and gate.value is None)
        assert set(gate.facts()) == {"name", "value", "bound", "passed", "meaning"}
