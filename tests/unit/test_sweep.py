"""A sweep: which trials there are, which are refused, and how they are ranked and shown."""

import csv
import json

import pytest
from PIL import Image

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Runtime
from sfta.stages import sweep as module
from sfta.stages.sweep import Tried, make_trials, run_trials
from sfta.stages.sweep_report import PICTURE, TABLE, lower_is_better, ranked, write_sweep
from sfta_edge.errors import ConfigError

RECIPE = """\
name: tiny
ingest: {sources: [x]}
model: {base: x}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, "utf-8")
    return path


def trials_of(recipe, over, *more):
    return make_trials(recipe, [f"sweep.over={json.dumps(over)}", *more])


def test_all_combinations_are_trials_with_their_settings(recipe):
    over = {"train.lora.rank": [8, 16], "generate.context.oracle_fraction": [0.5, 1.0, 0.8]}
    trials = trials_of(recipe, over)
    assert len(trials) == 6
    assert trials[0].values == {"generate.context.oracle_fraction": 0.5, "train.lora.rank": 8}
    for trial in trials:
        settings = trial.recipe
        assert settings.train.lora.rank == trial.values["train.lora.rank"]
        fraction = trial.values["generate.context.oracle_fraction"]
        assert settings.generate.context.oracle_fraction == fraction


def test_a_part_of_the_grid_is_drawn_and_is_the_same_every_time(recipe):
    over = {"train.lora.rank": list(range(1, 21))}
    first, second = (trials_of(recipe, over, "sweep.trials=5") for _ in range(2))
    assert len(first) == 5
    assert [t.values for t in first] == [t.values for t in second]
    assert [t.values for t in trials_of(recipe, over, "sweep.trials=5", "seed=8")] != [
        t.values for t in first
    ]


@pytest.mark.parametrize(
    ("over", "more", "problem"),
    [
        ({"train.lora.rnk": [8]}, [], "did you mean rank"),
        ({"train.lora.rank": [0]}, [], "train.lora.rank"),
        ({"train.lora.rank": []}, [], "names no value"),
        ({"rank": [8]}, [], "sweep.over"),
        ({"chunk.max_tokens": [96]}, ["sweep.until=train"], "changes what the validation loss"),
        ({"train.refusal_weight": [2.0]}, ["sweep.until=train"], "changes what the validation"),
        ({"train.epochs": [1]}, ["sweep.metric=validation_loss"], "needs until: train"),
        ({"train.epochs": [1]}, ["sweep.until=train", "sweep.metric=token_f1"], "knows valid"),
        ({}, [], "names nothing to try"),
    ],
)
def test_what_cannot_be_tried_or_compared_is_refused_before_anything_runs(
    recipe, over, more, problem
):
    with pytest.raises(ConfigError, match=problem):
        trials_of(recipe, over, *more)


TRIED = [
    Tried({"train.epochs": 1}, 0.4, (0.3, 0.5)),
    Tried({"train.epochs": 2}, 0.6, (0.5, 0.7)),
    Tried({"train.epochs": 4}, problem="it has diverged"),
]


@pytest.mark.parametrize(
    ("metric", "order"),
    [("overall_f1", [2, 1, 4]), ("validation_loss", [1, 2, 4]), ("over_refusal", [1, 2, 4])],
)
def test_the_best_is_first_and_a_failed_trial_last(metric, order):
    assert [one.values["train.epochs"] for one in ranked(TRIED, metric)] == order
    assert lower_is_better(metric) is (order[0] == 1)


def test_table_and_picture_hold_every_trial(recipe, tmp_path):
    trials = trials_of(recipe, {"train.epochs": [1, 2, 4]})
    write_sweep(tmp_path / "out", trials, TRIED, "overall_f1")
    with (tmp_path / "out" / TABLE).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["train.epochs"] for row in rows] == ["2", "1", "4"]
    assert rows[0]["low"] == "0.5"
    assert rows[2]["problem"] == "it has diverged"
    with Image.open(tmp_path / "out" / PICTURE) as picture:
        assert picture.size[0] > 300
    before = (tmp_path / "out" / PICTURE).read_bytes()
    write_sweep(tmp_path / "out", trials, TRIED, "overall_f1")
    assert (tmp_path / "out" / PICTURE).read_bytes() == before


def test_a_trial_that_fails_does_not_end_the_others(recipe, tmp_path, monkeypatch):
    def run_stages(_stages, settings, _runtime):
        if settings.train.epochs == 2:
            raise ConfigError("the training has\ndiverged")
        final = tmp_path / f"adapter{settings.train.epochs}"
        with writing(final, "adapter", {"metrics": {"validation_loss": 0.5}}):
            pass
        return {"adapter": Artifact.open(final)}

    monkeypatch.setattr(module, "run_stages", run_stages)
    trials = trials_of(recipe, {"train.epochs": [1, 2, 3]}, "sweep.until=train")
    found = list(run_trials(trials, Runtime()))
    assert [one.figure for one in found] == [0.5, None, 0.5]
    assert found[1].problem == "the training has diverged"
    assert found[2].artifact == tmp_path / "adapter3"


def test_a_figure_that_the_report_does_not_have_is_said(recipe, tmp_path, monkeypatch):
    def run_stages(_stages, _settings, _runtime):
        with writing(tmp_path / "report", "report", {}) as out:
            arm = {"metrics": {"token_f1": 0.25}, "intervals": {"token_f1": [0.2, 0.3]}}
            (out / "report.json").write_text(json.dumps({"arms": {"raft_rag": arm}}), "utf-8")
        return {"report": Artifact.open(tmp_path / "report")}

    monkeypatch.setattr(module, "run_stages", run_stages)
    trials = trials_of(recipe, {"train.epochs": [1]}, "sweep.metric=token_f1")
    (one,) = run_trials(trials, Runtime())
    assert (one.figure, one.interval) == (0.25, (0.2, 0.3))
    (tmp_path / "report").rename(tmp_path / "before")
    trials = trials_of(recipe, {"train.epochs": [1]}, "sweep.metric=token_f2")
    (one,) = run_trials(trials, Runtime())
    assert "the report has no figure token_f2" in one.problem
