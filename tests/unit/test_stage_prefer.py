"""Stage prefer: a trained adapter comes to prefer grounded answers, on a real tiny model."""

import json
import shutil
from dataclasses import replace

import pytest
from pydantic import ValidationError
from safetensors.torch import load_file

from sfta.core.artifact import Artifact, writing
from sfta.recipe import Recipe
from sfta.stages import prefer, train
from sfta.stages.pipeline import stages_of
from sfta_export.merge import merge
from sfta_export.quantized_base import QuantizedBase
from small_line import sfta
from tiny_training import byte_llama, limits_dataset, one_thread, training_job

__all__ = ["byte_llama", "limits_dataset", "one_thread", "training_job"]
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]
SETTINGS = {"learning_rate": 3e-3, "pairs_per_step": 4, "epochs": 4}


@pytest.fixture
def prefer_job(training_job, tmp_path):
    """Train an adapter, and make a job of the stage that goes on from it."""

    def make(method="lora", preference=SETTINGS):
        name = f"trained-{method}"
        before = training_job(f"out-{method}", method=method, epochs=1)
        shutil.rmtree(before.work)
        before.work.mkdir()
        with writing(tmp_path / name, "adapter", {}) as out:
            train.run(replace(before, out=out))
        settings = before.recipe.model_dump() | {"preference": preference}
        recipe = Recipe.model_validate(settings)
        out, work = tmp_path / f"preferred-{method}", tmp_path / f"work-{method}"
        out.mkdir()
        work.mkdir()
        inputs = {"adapter": Artifact.open(tmp_path / name), **before.inputs}
        return replace(before, recipe=recipe, out=out, work=work, inputs=inputs)

    return make


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_better_answers_gain_on_worse_ones_and_the_adapter_merges_as_before(
    prefer_job, byte_llama, tmp_path, method
):
    job = prefer_job(method)
    metrics = prefer.run(job)
    history = [json.loads(line) for line in (job.out / prefer.HISTORY).read_text().splitlines()]
    losses = [line["loss"] for line in history if "loss" in line]
    assert losses[0] == pytest.approx(0.6931, abs=2e-3)  # nothing is preferred yet
    assert losses[-1] < 0.6
    assert metrics["train_pairs"] == 12
    assert 0 < metrics["train_over_refusals"] < 9
    assert metrics["eval_margin"] > 0
    before, after = (
        load_file(folder / "adapter_model.safetensors")
        for folder in (job.inputs["adapter"].path, job.out)
    )
    assert set(before) == set(after)
    assert any(not before[name].equal(after[name]) for name in before)
    card = (job.out / "README.md").read_text("utf-8")
    assert "## Preferences" in card
    assert card.startswith("---\n")
    names = {entry.path for entry in job.inputs["adapter"].manifest.files}
    assert names < {path.name for path in job.out.iterdir()}
    (tmp_path / "model").mkdir()
    merge(byte_llama, job.out, tmp_path / "model", quantized=QuantizedBase.read(job.out))


def test_the_same_pairs_give_the_same_bytes(prefer_job, tmp_path):
    job = prefer_job()
    weights = []
    for attempt in ("first", "second"):
        out, work = tmp_path / attempt, tmp_path / f"work-{attempt}"
        out.mkdir()
        work.mkdir()
        prefer.run(replace(job, out=out, work=work))
        weights.append((out / "adapter_model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_an_interrupted_stage_goes_on_and_ends_with_the_same_losses(prefer_job, monkeypatch):
    from sfta.training import watching

    job = prefer_job()
    real, steps = watching.Clock.on_step_end, []

    def on_step_end(self, args, state, control, **more):
        real(self, args, state, control, **more)
        control.should_save = True
        steps.append(state.global_step)
        if len(steps) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.Clock, "on_step_end", on_step_end)
    with pytest.raises(KeyboardInterrupt):
        prefer.run(job)
    prefer.run(job)
    assert steps[:6] == [1, 2, 3, 4, 5, 5]
    cut = (job.out / prefer.HISTORY).read_text("utf-8")
    shutil.rmtree(job.work)
    shutil.rmtree(job.out)
    job.work.mkdir()
    job.out.mkdir()
    prefer.run(job)
    losses = [
        [json.loads(line)["loss"] for line in text.splitlines() if '"loss"' in line]
        for text in (cut, (job.out / prefer.HISTORY).read_text("utf-8"))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_most_pairs_are_kept_to(prefer_job):
    job = prefer_job(preference={"max_pairs": 5, "pairs_per_step": 5})
    metrics = prefer.run(job)
    assert (metrics["train_pairs"], metrics["steps"]) == (5, 1)


BASIC = {"name": "a", "ingest": {"sources": ["x"]}, "model": {"base": "x"}}


def test_the_stage_stands_behind_the_training_only_where_it_is_asked_for():
    names = [stage.name for stage in stages_of(Recipe.model_validate(BASIC))]
    assert "prefer" not in names
    asked = Recipe.model_validate(BASIC | {"preference": {}})
    names = [stage.name for stage in stages_of(asked)]
    assert names[names.index("train") + 1] == "prefer"
    rows = Recipe.model_validate(BASIC | {"preference": {}, "dataset": {"file": "a.jsonl"}})
    assert next(stage.name for stage in stages_of(rows)) == "adopt"


@pytest.mark.parametrize(
    ("training", "problem"),
    [({"method": "full"}, "needs an adapter"), ({"rows": "oracle"}, "needs train.rows: raft")],
)
def test_preferences_that_cannot_be_learnt_are_refused(training, problem):
    with pytest.raises(ValidationError, match=problem):
        Recipe.model_validate(BASIC | {"preference": {}, "train": training})


def test_the_command_says_that_the_section_is_missing(tmp_path):
    (tmp_path / "a.yaml").write_text(json.dumps(BASIC), "utf-8")
    done = sfta("prefer", "a.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: the recipe has no preferences",
        "hint: Add a section `preference: {}` to it.",
    ]
