"""The benchmark of ways to train: what is held out, what cannot be answered, what is compared."""

import json
import runpy
from pathlib import Path

import pytest

from sfta.evaluation.questions import read_questions

ROOT = Path(__file__).parents[2]
SIZE = 300


@pytest.fixture(scope="module")
def methods():
    return runpy.run_path(str(ROOT / "benchmarks/methods.py"))


@pytest.fixture(scope="module")
def prepared(methods, tmp_path_factory):
    """Three hundred questions; every tenth answer stands in a second passage as well."""
    folder, out = tmp_path_factory.mktemp("trivia"), tmp_path_factory.mktemp("out")
    corpus = [
        {
            "id": f"p{n:03}",
            "title": f"Article {n % 30}",
            "text": f"Pump number{n:03} starts."
            + (f" So does number{n - 1:03}." if n % 10 == 1 else ""),
        }
        for n in range(SIZE)
    ]
    questions = [
        {"id": f"q{n}", "question": f"Which pump starts at {n}?", "answers": [f"number{n:03}"],
         "oracle_ids": [f"p{n:03}"], "answerable": True}
        for n in range(SIZE)
    ]  # fmt: skip
    for name, records in (("corpus", corpus), ("questions", questions)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    methods["prepare"](out, folder)
    return out, {question["id"]: question for question in questions}


def texts(out):
    return "\n".join(path.read_text("utf-8") for path in (out / "documents").glob("*.md"))


def learned(out):
    return [json.loads(line) for line in (out / "learned.jsonl").read_text().splitlines()]


def test_a_quarter_of_the_held_out_questions_cannot_be_answered(prepared):
    out, known = prepared
    asked = read_questions(out / "measured.jsonl")
    assert len(asked) == 200
    lost = [question for question in asked if not question.answerable]
    assert len(lost) == 50
    for question in lost:
        assert known[question.id]["answers"][0] not in texts(out)
    for question in asked:
        if question.answerable:
            assert known[question.id]["answers"][0] in texts(out)


def test_no_held_out_question_is_learnt_from(prepared):
    out, _ = prepared
    asked = {question.question for question in read_questions(out / "measured.jsonl")}
    taught = {record["question"] for record in learned(out)}
    assert not asked & taught
    assert len(taught) == SIZE - 200


def test_a_question_about_a_passage_that_is_gone_is_not_learnt_from(methods, tmp_path):
    """Unanswerable questions name the passage that they are about, not one with the answer."""
    corpus = [{"id": f"p{n}", "title": "A", "text": f"Fact{n:03} holds."} for n in range(SIZE)]
    questions = [
        {"id": f"q{n}", "question": f"Which fact holds at {n}?", "answers": [f"Fact{n:03}"],
         "oracle_ids": [f"p{n}"]}
        for n in range(SIZE)
    ] + [
        {"id": f"u{n}", "question": f"Why does fact {n} hold?", "answers": [],
         "oracle_ids": [], "near_ids": [f"p{n}"]}
        for n in range(SIZE)
    ]  # fmt: skip
    for name, records in (("corpus", corpus), ("questions", questions)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / f"{name}.jsonl").write_text(lines, "utf-8")
    methods["prepare"](tmp_path, tmp_path)
    there = {path.name for path in (tmp_path / "documents").glob("*.md")}
    records = learned(tmp_path)
    assert any(record.get("answerable") is False for record in records)
    for record in records:
        assert {place["document"] for place in record["oracle_pages"]} <= there


def test_the_same_questions_are_held_out_as_from_the_reading_skill(methods, prepared):
    tools = runpy.run_path(str(ROOT / "configs/reading/prepare.py"))
    held = {question["id"] for question in tools["held"](list(prepared[1].values()), 200)}
    assert {question.id for question in read_questions(prepared[0] / "measured.jsonl")} == held


@pytest.mark.parametrize("name", ["LoRA RAFT", "QLoRA RAFT", "SFT without documents"])
@pytest.mark.parametrize("skill", [False, True])
def test_arms_differ_in_what_is_trained_and_in_nothing_else(methods, tmp_path, name, skill):
    arm = methods["recipe"](tmp_path, methods["_ARMS"][name], skill=skill)
    plain = methods["recipe"](tmp_path, {"method": "qlora"}, skill=False)
    for section in ("ingest", "chunk", "index", "retrieval", "model", "prompt", "generate"):
        assert getattr(arm, section) == getattr(plain, section)
    assert (arm.train.start_from is not None) is skill
    assert arm.evaluate.questions == plain.evaluate.questions


def test_the_table_has_a_line_for_each_arm_with_intervals(methods):
    metrics = methods["_METRICS"]
    arm = {
        "metrics": dict.fromkeys(metrics, 0.5) | {"refusal_f1": None},
        "intervals": {key: [0.4, 0.6] for key in metrics},
    }
    head, rule, line = methods["table"]({"Ours": arm}).splitlines()
    assert head.count("|") == rule.count("|") == line.count("|") == len(metrics) + 2
    assert "0.500 [0.400, 0.600]" in line
    assert "| - |" in line
