"""The benchmark of arms: what is compared with what, and how it is printed."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def arms():
    return runpy.run_path(str(ROOT / "benchmarks/arms.py"))


def test_both_models_learn_from_the_same_rows(arms, tmp_path):
    sft = arms["recipe"](tmp_path, 150, sft=None)
    raft = arms["recipe"](tmp_path, 150, sft=tmp_path / "gguf")
    assert sft.generate == raft.generate
    assert (sft.train.rows, raft.train.rows) == ("closed_book", "raft")
    assert sft.train.start_from is None, "the skill is one of reading"


def test_every_arm_of_the_comparison_is_asked_on_the_same_questions(arms, tmp_path):
    raft = arms["recipe"](tmp_path, 150, sft=tmp_path / "gguf")
    assert raft.evaluate.arms == list(arms["_ARMS"])
    assert {arm.partition("_")[0] for arm in raft.evaluate.arms} == {"base", "sft", "raft"}
    assert raft.evaluate.models["sft"].path == str(tmp_path / "gguf")
    assert raft.evaluate.questions == "measured.jsonl"


def test_the_table_shows_arms_and_baselines_with_intervals(arms):
    metrics = dict.fromkeys(arms["_METRICS"], 0.5)
    intervals = {key: [0.4, 0.6] for key in metrics}
    arm = {"label": "Base model", "metrics": metrics, "intervals": intervals}
    nothing = {"metrics": metrics | {"over_refusal": None}, "intervals": intervals}
    report = {"arms": {"base_rag": arm}, "baselines": {"echo": {"label": "echo", **nothing}}}
    head, rule, base, echo = arms["table"](report).splitlines()
    assert head.startswith("|  | token_f1 |")
    assert rule.count("---") == len(arms["_METRICS"]) + 1
    assert base.startswith("| Base model | 0.500 [0.400, 0.600] |")
    assert "| - |" in echo


def test_a_value_without_an_interval_stands_for_itself(arms):
    metrics = dict.fromkeys(arms["_METRICS"], 1.0)
    report = {
        "arms": {"a": {"label": "a", "metrics": metrics, "intervals": dict.fromkeys(metrics)}},
        "baselines": {},
    }
    assert "1.000 [1.000, 1.000]" in arms["table"](report)
