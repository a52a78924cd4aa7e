"""Predictions: read from a plan or a manifest, refused when a figure is unusable."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.errors import ConfigError
from sfta_edge.prediction import PLAN_SCHEMA, Prediction, read_plan

FACTS = {
    "device": "box",
    "scheme": "Q8_0",
    "prompt_tokens": 300,
    "bandwidth": 1e10,
    "memory_bytes": 400_000_000,
    "prefill_tokens_per_second": 50.0,
    "first_token_seconds": 6.1,
    "decode_tokens_per_second": 9.0,
    "spread": 2.0,
}
ROW = {
    name: FACTS[name]
    for name in (
        "scheme", "memory_bytes", "prefill_tokens_per_second", "first_token_seconds",
        "decode_tokens_per_second",
    )
}  # fmt: skip
PLAN = {
    "schema": PLAN_SCHEMA,
    "device": {"name": "box", "bandwidth": 1e10, "cores": 4},
    "workload": {"prompt_tokens": 300},
    "spread": 2.0,
    "schemes": [ROW | {"bits_per_weight": 8.5}, ROW | {"scheme": "Q4_0"}],
}


def test_a_plan_holds_a_prediction_for_each_scheme():
    assert Prediction.of_plan(PLAN, "Q8_0") == Prediction(**FACTS)
    assert Prediction.of_plan(PLAN, "Q4_0").scheme == "Q4_0"


def test_a_scheme_that_was_not_planned_is_told_with_those_that_were():
    with pytest.raises(ConfigError, match="says nothing of F16") as info:
        Prediction.of_plan(PLAN, "F16")
    assert info.value.hint == "It has Q8_0, Q4_0."


def test_another_version_of_the_plan_is_refused():
    with pytest.raises(ConfigError, match=r"unknown plan schema 'sfta\.device-plan/2'"):
        Prediction.of_plan(PLAN | {"schema": "sfta.device-plan/2"}, "Q8_0")


@pytest.mark.parametrize(
    "plan",
    [
        [],
        {},
        None,
        {"schema": PLAN_SCHEMA},
        PLAN | {"schemes": [1]},
        PLAN | {"device": None},
        PLAN | {"schemes": [{"scheme": "Q8_0"}]},
    ],
)
def test_what_is_no_plan_is_refused(plan):
    with pytest.raises(ConfigError, match="no device plan") as info:
        Prediction.of_plan(plan, "Q8_0")
    assert "sfta plan export" in info.value.hint


@given(st.floats(1e-6, 1e15), st.integers(1, 1 << 40), st.text(min_size=1))
def test_facts_of_a_manifest_come_back(speed, memory, name):
    made = Prediction(
        **FACTS | {"decode_tokens_per_second": speed, "memory_bytes": memory, "device": name}
    )
    assert Prediction.from_facts(json.loads(json.dumps(made.to_facts()))) == made


@pytest.mark.parametrize("facts", [None, [], "x", {}, FACTS | {"more": 1}])
def test_other_facts_are_refused(facts):
    with pytest.raises(ConfigError, match="prediction is not readable"):
        Prediction.from_facts(facts)


@pytest.mark.parametrize("name", [field.name for field in fields(Prediction)])
@pytest.mark.parametrize("value", [None, True, 0, -1.0, float("nan"), float("inf"), []])
def test_an_unusable_figure_is_named(name, value):
    with pytest.raises(ConfigError, match=f"prediction: {name}"):
        Prediction.from_facts(FACTS | {name: value})


def test_a_plan_is_read_from_a_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN), "utf-8")
    assert read_plan(path, "Q8_0").device == "box"


@pytest.mark.parametrize("content", [None, "", "{", "[" * 100_000])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content):
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(ConfigError, match="cannot read the plan"):
        read_plan(path, "Q8_0")
