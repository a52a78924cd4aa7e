"""Stage evaluate: frozen retrieval, both models through the device's code, nothing asked twice."""

import json
import shutil
from dataclasses import asdict

import pytest

from evaluated_models import make_job, read
from fake_engines import FakeEngine
from sfta.stages import evaluate
from sfta_edge.settings import AnswerSettings, Weights


def test_both_models_are_asked_and_the_trained_one_is_better(evaluation_world):
    job = make_job(evaluation_world)
    metrics = evaluate.run(job)
    report = read(job.out / "report.json")
    assert metrics["questions"] == 12
    assert metrics["token_f1"] == 1.0
    assert metrics["base_token_f1"] < 0.2
    assert [gate["name"] for gate in report["gates"] if not gate["passed"]] == []
    assert metrics["passed"] is report["passed"] is True
    assert metrics["verdict"].startswith("Fine-tuning helps")
    assert FakeEngine.opened == ["base.gguf", "model-Q8_0.gguf"]


def test_the_artifact_holds_what_others_read(evaluation_world):
    job = make_job(evaluation_world)
    evaluate.run(job)
    names = {path.name for path in job.out.iterdir()}
    assert names >= {
        "report.html",
        "report.json",
        "retrieval.jsonl",
        "answers.jsonl",
        "metrics.csv",
        "timings.json",
        "answer_settings.json",
    }
    settings = read(job.out / "report.json")["settings"]
    assert settings["scheme"] == "Q8_0"
    assert set(settings["inputs"]) == {"gguf", "index", "dataset"}
    timings = read(job.out / "timings.json")
    assert timings["arms"]["raft_rag"]["answers"] == 3
    assert timings["environment"]["llama.cpp variant"] == "fake"


def test_all_arms_read_the_same_frozen_chunks(evaluation_world):
    job = make_job(
        evaluation_world, arms=["base_rag", "raft_rag", "raft_oracle", "base_closed"]
    )
    evaluate.run(job)
    frozen = {
        line["id"]: line["given"]
        for line in map(json.loads, (job.out / "retrieval.jsonl").read_text().splitlines())
    }
    given = {}
    for line in map(json.loads, (job.out / "answers.jsonl").read_text().splitlines()):
        given.setdefault(line["arm"], {})[line["id"]] = line["context"]
    assert given["base_rag"] == given["raft_rag"] == frozen
    assert given["raft_oracle"]["q-belt"] == ["chunk-belt"]
    assert given["raft_oracle"]["u-lamp"] == frozen["u-lamp"]
    assert set(map(tuple, given["base_closed"].values())) == {()}


def test_the_refusal_threshold_is_fitted_on_validation_rows_alone(evaluation_world):
    job = make_job(evaluation_world)
    evaluate.run(job)
    threshold = read(job.out / "answer_settings.json")["refusal_threshold"]
    # The fake model is too shy by 2: only a threshold above its score of 0.73 lets it answer.
    assert 0.74 < threshold < 0.9999
    assert AnswerSettings(refusal_threshold=threshold).refusal_bias < -1.0
    calibrated = FakeEngine.prompts[FakeEngine.opened.index("model-Q8_0.gguf") and 15 : 15 + 8]
    assert all("chunk" not in prompt for prompt in calibrated)
    assert read(job.out / "report.json")["settings"]["calibration_rows"] == 8
    # The base model and the calibration itself go without the bias.
    assert set(FakeEngine.biases[: 12 + 3 + 8]) == {0.0}
    assert max(FakeEngine.biases[12 + 3 + 8 :]) < -1.0


def test_without_calibration_the_models_own_choice_stands(evaluation_world):
    job = make_job(evaluation_world, calibration_rows=0)
    metrics = evaluate.run(job)
    assert read(job.out / "answer_settings.json") == {
        "refusal_threshold": 0.5,
        "choose_quotes": False,
        "weights": asdict(Weights()),
    }
    assert metrics["over_refusal"] == 1.0
    assert metrics["verdict"].startswith("Do not ship")


def test_questions_seen_in_training_are_counted(evaluation_world):
    job = make_job(evaluation_world)
    evaluate.run(job)
    leakage = read(job.out / "report.json")["leakage"]
    assert leakage["exact"] == 8
    assert leakage["compared_with"] == 8


def test_an_interrupted_evaluation_goes_on_and_ends_in_the_same_report(
    evaluation_world, monkeypatch
):
    whole = make_job(evaluation_world, "whole")
    evaluate.run(whole)
    expected, asked = (whole.out / "report.json").read_bytes(), len(FakeEngine.prompts)
    for path in whole.work.iterdir():
        path.unlink()
    shutil.rmtree(whole.runtime.cache)
    FakeEngine.prompts.clear()
    monkeypatch.setattr(FakeEngine, "breaks_after", 26)
    with pytest.raises(ConnectionError):
        evaluate.run(make_job(evaluation_world, "broken"))
    monkeypatch.setattr(FakeEngine, "breaks_after", None)
    again = make_job(evaluation_world, "again")
    evaluate.run(again)
    # Lost was at most what had been asked of the unfinished batch.
    assert len(FakeEngine.prompts) - asked <= 16
    assert (again.out / "report.json").read_bytes() == expected
    before = len(FakeEngine.prompts)
    evaluate.run(make_job(evaluation_world, "third"))
    assert len(FakeEngine.prompts) == before
