"""What may be said, and what may ship: every combination of intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.baselines import BASELINES
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.statistics import Estimate
from sfta.evaluation.verdict import ALWAYS, Comparison, judge_gates, verdict

UP, LEVEL, DOWN = (Estimate(s, s - 0.05, s + 0.05) for s in (0.1, 0.0, -0.1))
UNKNOWN = Estimate(None, None, None)
GOOD = {
    "token_f1": 0.8,
    "refusal_f1": 0.7,
    "over_refusal": 0.1,
    "quote_validity": 0.95,
}


def exactly(value):
    return UNKNOWN if value is None else Estimate(value, value, value)


def comparison(answers=UP, refusals=UP, *, trivial=UP, questions=120, **metrics):
    values = {metric.key: 0.9 for metric in METRICS} | GOOD | metrics
    gained = {metric.key: LEVEL for metric in METRICS}
    gained |= {"token_f1": answers, "refusal_f1": refusals}
    return Comparison(
        candidate={key: exactly(value) for key, value in values.items()},
        gained=gained,
        over_trivial=dict.fromkeys(BASELINES, trivial),
        questions=questions,
    )


def judged(found, **config):
    gates = judge_gates(EvaluateConfig(**config), found)
    return {gate.name: gate for gate in gates}, verdict(gates, found)


@pytest.mark.parametrize(
    ("answers", "refusals", "sentence"),
    [
        (UP, UP, "Fine-tuning helps: it answers and refuses better than the base model"),
        (UP, LEVEL, "Fine-tuning helps: it answers better than the base model"),
        (UP, UNKNOWN, "Fine-tuning helps: it answers better than the base model"),
        (UP, DOWN, "Fine-tuning helps answering and hurts refusing"),
        (LEVEL, UP, "Fine-tuning helps refusing only"),
        (LEVEL, LEVEL, "Do not fine-tune: the base model with the same chunks is as good"),
        (LEVEL, DOWN, "Do not fine-tune: it hurts refusing and does not help answering"),
        (DOWN, UP, "Fine-tuning trades answers for refusals"),
        (DOWN, LEVEL, "Do not fine-tune: the base model with the same chunks answers better"),
        (DOWN, DOWN, "Do not fine-tune: the base model answers and refuses better"),
        (UNKNOWN, UNKNOWN, "Do not fine-tune: the base model with the same chunks is as good"),
    ],
)
def test_the_verdict_follows_from_the_two_intervals(answers, refusals, sentence):
    gates, words = judged(comparison(answers, refusals))
    assert words.startswith(sentence)
    assert "as far as 120 questions can tell" in words
    assert gates["beat_baseline"].passed == (answers is UP)


def test_an_interval_that_touches_zero_shows_nothing():
    touching = Estimate(0.1, 0.0, 0.2)
    gates, words = judged(comparison(touching, LEVEL))
    assert not gates["beat_baseline"].passed
    assert words.startswith("Do not fine-tune")


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
    assert [name for name, found in gates.items() if not found.passed] == (
        [] if passed else [gate]
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
        "Do not ship: on 120 questions the trained model is not better than"
    )


def test_the_trivial_system_that_is_beaten_by_least_decides():
    found = comparison()
    found.over_trivial["top_chunk"] = DOWN
    gates, words = judged(found)
    assert gates["beat_trivial"].value == DOWN.low
    assert BASELINES["top_chunk"].label in words
    assert BASELINES["top_chunk"].label in gates["beat_trivial"].meaning


def test_without_the_base_model_its_gate_fails_and_nothing_is_claimed():
    full = comparison()
    found = Comparison(full.candidate, None, full.over_trivial, 120)
    gates, words = judged(found)
    assert gates["beat_baseline"].value is None
    assert not gates["beat_baseline"].passed
    assert words.startswith("The base model was not asked")
    assert "beat_baseline cannot be measured" in words


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
