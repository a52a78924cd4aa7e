"""What is shown while training runs: figures, speed, memory, answers; and where it goes."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM

from sfta.adapters.trackers import tracker_problems, tracking
from sfta.core.progress import Task
from sfta.core.stage import Runtime
from sfta.stages import train as stage
from sfta.stages.split_rows import chosen_rows, read_lines
from sfta.stages.watched_answers import score_answers
from sfta.training.answers import write_answers
from sfta.training.config import TrainConfig
from sfta.training.rows import EncodedRow
from sfta.training.watching import Watch
from sfta_edge.manifest import canonical_json
from sfta_edge.prompt import PromptContract
from spelled_prompts import CONTRACT
from tiny_training import LIMITS, REFUSAL, row

pytestmark = pytest.mark.usefixtures("one_thread")


def run(job, runs):
    """The stage as the pipeline runs it, with a folder of its own for what is shown."""
    job = SimpleNamespace(
        recipe=job.recipe, inputs=job.inputs, out=job.out, work=job.work,
        runtime=Runtime(runs=runs, cache=job.runtime.cache, device="cpu"),
    )  # fmt: skip
    return stage.run(job)


def test_tensorboard_is_always_written_and_stays_out_of_the_artifact(training_job, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    one = training_job(epochs=2)
    metrics = run(one, tmp_path / "runs")
    folder = tmp_path / "runs/tracked/tensorboard" / one.work.name
    events = EventAccumulator(str(folder))
    events.Reload()
    assert len(events.Scalars("train/loss")) == metrics["steps"]
    assert len(events.Scalars("eval/loss")) == 2
    assert not [path for path in one.out.iterdir() if "events" in path.name]


def test_mlflow_writes_to_files_without_a_server(training_job, tmp_path, monkeypatch):
    import mlflow

    for name in [n for n in os.environ if n.startswith("MLFLOW")]:
        monkeypatch.delenv(name)
    one = training_job(epochs=1)
    track = one.recipe.track.model_copy(update={"to": ["mlflow"], "project": "pumps"})
    job = SimpleNamespace(
        recipe=one.recipe.model_copy(update={"track": track}), inputs=one.inputs, out=one.out,
        work=one.work, runtime=one.runtime,
    )  # fmt: skip
    run(job, tmp_path / "runs")
    client = mlflow.MlflowClient((tmp_path / "runs/tracked/mlflow").resolve().as_uri())
    (found,) = client.search_runs([client.get_experiment_by_name("pumps").experiment_id])
    losses = client.get_metric_history(found.info.run_id, "loss")
    assert found.info.status == "FINISHED"
    assert len(losses) == len({metric.step for metric in losses}) > 0
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_nothing_leaves_the_machine_unless_the_environment_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker.example")
    with tracking(["wandb", "mlflow", "trackio"], tmp_path, "train-1", "pumps"):
        assert os.environ["WANDB_MODE"] == "offline"
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://tracker.example"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert Path(os.environ["TRACKIO_DIR"]).is_relative_to(tmp_path.resolve())
    assert "WANDB_MODE" not in os.environ
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://tracker.example"


def test_a_tracker_that_nobody_asked_for_is_not_told_anything(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with tracking([], tmp_path, "train-1", "pumps"):
        assert "WANDB_MODE" not in os.environ
        assert "TENSORBOARD_LOGGING_DIR" in os.environ


def test_the_environment_is_as_before_after_an_error(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with (
        pytest.raises(ValueError, match="broken"),
        tracking(["wandb"], tmp_path, "train-1", "pumps"),
    ):
        raise ValueError("broken")
    assert "WANDB_MODE" not in os.environ


def test_a_tracker_that_is_not_installed_is_found_before_anything_runs(
    training_job, monkeypatch
):
    monkeypatch.setitem(sys.modules, "trackio", None)
    monkeypatch.setattr("sfta.adapters.trackers.find_spec", lambda _name: None)
    assert tracker_problems(["trackio"]) == [
        "track.to: trackio is not installed: pip install trackio"
    ]
    one = training_job()
    track = one.recipe.track.model_copy(update={"to": ["mlflow"]})
    recipe = one.recipe.model_copy(update={"track": track})
    (problem,) = stage.STAGE.check(recipe, Runtime())
    assert problem.endswith("pip install mlflow-skinny")


def test_where_figures_are_shown_changes_no_key():
    assert "track" not in stage.STAGE.sections


def test_progress_says_loss_speed_and_memory():
    model = torch.nn.Linear(1, 1)
    model.device = torch.device("cpu")
    loop, task = SimpleNamespace(tokens=0, model=model), Task("train", 3)
    watch = Watch(task, loop, checkpoint_seconds=600)
    state = SimpleNamespace(max_steps=3, global_step=0)
    watch.on_train_begin(None, state, None)
    loop.tokens = 1000
    watch.on_log(logs={"loss": 0.5})
    watch.on_step_end(None, state, SimpleNamespace(should_save=False))
    loss, speed, memory = task.note.split(", ")
    assert loss == "loss 0.500"
    assert int(speed.removesuffix(" tokens/s")) > 0
    assert float(memory.removesuffix(" GiB")) > 0


def test_speed_and_memory_are_figures_of_the_stage_and_not_of_its_bytes(training_job):
    one = training_job(epochs=1)
    metrics = stage.run(one)
    assert metrics["tokens_per_second"] > 0
    assert metrics["peak_memory_gib"] > 0
    assert metrics["memory_foreseen_gib"] > 0
    assert b"tokens_per_second" not in (one.out / "settings.json").read_bytes()


def test_answers_are_written_and_scored_at_every_validation(training_job):
    one = training_job(epochs=2, answers=3)
    stage.run(one)
    lines = (one.out / "history.jsonl").read_text("utf-8").splitlines()
    found = [line for line in map(json.loads, lines) if "eval_loss" in line]
    assert len(found) == 2
    for line in found:
        assert 0 <= line["eval_answer_f1"] <= 1
        assert 0 <= line["eval_refused_rightly"] <= 1


def test_answering_does_not_change_what_is_learnt(training_job):
    plain, answering = (
        training_job("plain", epochs=1),
        training_job("other", epochs=1, answers=2),
    )
    for one in (plain, answering):
        stage.run(one)
    name = "adapter_model.safetensors"
    assert (plain.out / name).read_bytes() == (answering.out / name).read_bytes()


def test_answers_of_prompts_together_are_those_of_each_alone(byte_llama):
    model = AutoModelForCausalLM.from_pretrained(byte_llama, dtype=torch.float32)
    end = model.config.eos_token_id or 0
    rows = [
        EncodedRow(f"r{n}", tuple(range(10, 10 + 3 * n)), (5, 6), (end,), refusal=False)
        for n in range(1, 5)
    ]
    together = write_answers(model, rows)
    assert together == [write_answers(model, [one])[0] for one in rows]
    assert all(end not in line for line in together)
    assert write_answers(model, []) == []


ASKED = [row(1, answerable=True), row(2, answerable=True), row(3, answerable=False)]


def score(*completions):
    contract = PromptContract(**{**vars_of(CONTRACT), "refusal": REFUSAL})
    return score_answers(ASKED, LIMITS, contract, completions)


def vars_of(contract):
    return {name: getattr(contract, name) for name in contract.__slots__}


def test_right_answers_score_one():
    assert score(*(asked["completion"] for asked in ASKED)) == {
        "answer_f1": 1.0, "quotes_valid": 1.0, "refused_rightly": 1.0,
    }  # fmt: skip


def test_wrong_answers_quotes_and_refusals_cost_their_share():
    found = score('[1] "The limit is 10 bar."\nAnswer: 1', REFUSAL, "Answer: 3")
    assert found == {
        "answer_f1": 0.5, "quotes_valid": 0.0, "refused_rightly": pytest.approx(1 / 3),
    }  # fmt: skip


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_quote_of_a_chunk_that_is_not_there_is_not_valid(number):
    told = f'[{number}] "The limit is 9 bar."\nAnswer: 1'
    assert score(told, REFUSAL, REFUSAL)["quotes_valid"] == 0.0


def test_figures_without_anything_to_measure_are_left_out():
    assert score(REFUSAL, REFUSAL, REFUSAL) == {
        "answer_f1": 0.0, "refused_rightly": pytest.approx(1 / 3),
    }  # fmt: skip


def test_a_text_may_hold_what_else_ends_a_line(tmp_path):
    records = [{"text": "one\u2028two\u0085three\x0cfour\rfive"}, {"text": "six"}]
    path = tmp_path / "chunks.jsonl"
    path.write_bytes(b"".join(canonical_json(record) + b"\n" for record in records))
    assert read_lines(path) == records


def test_plain_text_has_nothing_to_answer():
    with pytest.raises(ValidationError, match="answers has no effect with rows: text"):
        TrainConfig(rows="text", answers=20)


def test_the_same_rows_are_answered_however_they_are_ordered():
    rows = [row(n, answerable=True) for n in range(9)]
    assert chosen_rows(rows, 4) == chosen_rows(rows[::-1], 4)
