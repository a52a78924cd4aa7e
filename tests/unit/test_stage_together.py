"""Several processes at the door of a stage: who runs it, who takes part, who is sent away."""

import json
import logging

import pytest

from sfta.core.artifact import Artifact
from sfta.core.stage import Runtime, Stage, run_stages
from sfta.recipe import Recipe
from sfta.stages.together import processes, train_together
from sfta_edge.errors import ConfigError

RECIPE = Recipe.model_validate(
    {"name": "a", "ingest": {"sources": ["x"]}, "model": {"base": "x"}}
)


@pytest.fixture
def line():
    """Two stages that note where they ran."""
    ran = []

    def dataset(job):
        (job.out / "rows.jsonl").write_text("{}\n", "utf-8")
        return {}

    def train(job):
        rows = job.inputs["dataset"].file("rows.jsonl")
        assert job.work.is_dir()
        ran.append((job.out, job.work, json.loads(rows.read_text())))
        (job.out / "weights").write_text("learnt", "utf-8")
        return {}

    stages = (
        Stage("generate", (), "dataset", ("seed",), dataset),
        Stage("train", ("dataset",), "adapter", ("seed",), train),
    )
    return stages, ran


@pytest.fixture
def rank(monkeypatch):
    def be(number):
        monkeypatch.setenv("RANK", str(number))
        monkeypatch.setenv("WORLD_SIZE", "2")

    return be


def test_a_process_that_nobody_launched_is_alone(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # some clusters set it for every job
    assert processes() == 1
    monkeypatch.setenv("RANK", "3")
    assert processes() == 8


def test_the_first_makes_the_artifact_and_the_others_leave_nothing(line, rank, tmp_path):
    stages, ran = line
    runtime, outcomes = Runtime(runs=tmp_path / "runs"), []
    run_stages(stages[:1], RECIPE, runtime)
    rank(1)
    before = logging.getLogger("sfta").level
    try:
        train_together(stages, RECIPE, runtime, on_outcome=outcomes.append)
    finally:
        logging.getLogger("sfta").setLevel(before)
    assert outcomes == []
    assert not ran[0][0].exists()
    assert not (tmp_path / "runs/train").exists()
    rank(0)
    train_together(stages, RECIPE, runtime, on_outcome=outcomes.append)
    assert [(o.stage, o.reused) for o in outcomes] == [("generate", True), ("train", False)]
    assert Artifact.open(outcomes[-1].artifact.path).file("weights").read_text() == "learnt"
    # Both looked for checkpoints in one place.
    assert ran[0][1] == ran[1][1]


def test_what_is_there_already_is_not_trained_by_anybody(line, rank, tmp_path):
    stages, ran = line
    runtime = Runtime(runs=tmp_path / "runs")
    run_stages(stages, RECIPE, runtime)
    for number in (0, 1):
        rank(number)
        train_together(stages, RECIPE, runtime, on_outcome=lambda _outcome: None)
    assert len(ran) == 1


def test_other_stages_and_missing_rows_are_refused_in_every_process(line, rank, tmp_path):
    stages, ran = line
    runtime = Runtime(runs=tmp_path / "runs")
    for number in (0, 1):
        rank(number)
        with pytest.raises(ConfigError, match="generate runs in one process, and 2 were"):
            train_together(stages[:1], RECIPE, runtime, on_outcome=lambda _outcome: None)
        with pytest.raises(ConfigError, match="generate has not run yet"):
            train_together(stages, RECIPE, runtime, on_outcome=lambda _outcome: None)
    assert ran == []
