"""Training: the loss falls, only the adapter changes, and an interruption changes nothing."""

import json
import shutil

import pytest
import torch

from sfta.stages import train as stage
from sfta.training import trainer, watching
from sfta.training.checkpoints import COMPLETE, last_checkpoint, remove_unfinished
from sfta.training.model import Precision, choose_precision
from sfta.training.steps import StepPlan
from sfta_edge.errors import ConfigError

pytestmark = pytest.mark.usefixtures("one_thread")


def history(out):
    return [
        json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()
    ]


def test_a_run_learns_and_writes_what_the_next_stages_need(training_job):
    one = training_job(epochs=4)
    metrics = stage.run(one)
    assert sorted(p.name for p in one.out.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "gradient_norm.png",
        "history.jsonl",
        "learning_rate.png",
        "loss_epochs.png",
        "loss_steps.png",
        "prompt.json",
        "settings.json",
        "too_long_train.jsonl",
        "too_long_validation.jsonl",
    ]
    steps = [line for line in history(one.out) if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, metrics["steps"] + 1))
    assert steps[-1]["loss"] < 0.8 * steps[0]["loss"]
    assert metrics["validation_loss"] == pytest.approx(
        history(one.out)[-1]["eval_loss"], abs=1e-4
    )
    assert (metrics["train_rows"], metrics["validation_rows"]) == (12, 4)
    assert metrics["train_rows_too_long"] == 0
    assert 0 <= metrics["validation_token_accuracy"] <= 1


def test_an_adapter_says_nothing_of_the_machine_it_was_made_on(training_job, byte_llama):
    one = training_job(epochs=1)
    stage.run(one)
    for path in one.out.iterdir():
        assert str(byte_llama).encode() not in path.read_bytes()
        assert str(one.work).encode() not in path.read_bytes()


def test_the_same_run_gives_the_same_bytes(training_job):
    first, second = training_job("first", epochs=1), training_job("second", epochs=1)
    for one in (first, second):
        stage.run(one)
        for checkpoint in one.work.glob("checkpoints/*"):
            raise AssertionError(f"{checkpoint} of a short run")
    for path in first.out.iterdir():
        assert path.read_bytes() == (second.out / path.name).read_bytes(), path.name


class PowerCut(BaseException):
    """Ends a run at once."""


def stop_after(step):
    """End the run when a step is done and, where it asks for one, its checkpoint is saved."""
    real = watching.Watch.on_step_end

    def on_step_end(self, args, state, control, **rest):
        if state.global_step > step:
            raise PowerCut
        return real(self, args, state, control, **rest)

    return "on_step_end", on_step_end


def stop_before_the_mark(step):
    """End the run when a checkpoint's files are there but its mark is not."""
    real = watching.Watch.on_save

    def on_save(self, args, state, *rest, **more):
        if state.global_step > step:
            raise PowerCut
        return real(self, args, state, *rest, **more)

    return "on_save", on_save


@pytest.fixture(scope="module")
def uninterrupted():
    """Results of the run that nobody interrupted, made by the first test that asks."""
    return {}


@pytest.mark.parametrize("stop", [stop_after, stop_before_the_mark])
def test_an_interrupted_run_ends_with_the_same_bytes(
    training_job, monkeypatch, uninterrupted, stop
):
    settings = {"epochs": 2, "checkpoint_minutes": 1e-9}
    if not uninterrupted:
        whole = training_job("whole", epochs=2)
        stage.run(whole)
        uninterrupted |= {p.name: p.read_bytes() for p in whole.out.iterdir()}
    cut = training_job("cut", **settings)
    with monkeypatch.context() as broken:
        broken.setattr(watching.Watch, *stop(4))
        with pytest.raises(PowerCut):
            stage.run(cut)
    assert not (cut.out / "adapter_model.safetensors").exists()
    marked = {p.parent.name for p in cut.work.glob(f"checkpoints/*/{COMPLETE}")}
    assert marked == ({"checkpoint-4"} if stop is stop_before_the_mark else marked)
    assert "checkpoint-4" in marked

    resumed_at = []
    real = watching.Watch.on_train_begin

    def on_train_begin(self, args, state, control, **rest):
        resumed_at.append(state.global_step)
        return real(self, args, state, control, **rest)

    monkeypatch.setattr(watching.Watch, "on_train_begin", on_train_begin)
    resumed = training_job("resumed", **settings)
    stage.run(resumed)
    assert resumed_at == [4]
    assert {p.name: p.read_bytes() for p in resumed.out.iterdir()} == uninterrupted


def test_only_a_marked_checkpoint_is_read_and_the_newest_by_number(tmp_path):
    assert last_checkpoint(tmp_path / "not there") is None
    for number, marked in ((9, True), (10, True), (90, False)):
        (tmp_path / f"checkpoint-{number}").mkdir()
        (tmp_path / f"checkpoint-{number}/model").touch()
        if marked:
            (tmp_path / f"checkpoint-{number}" / COMPLETE).touch()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    remove_unfinished(tmp_path)
    assert not (tmp_path / "checkpoint-90").exists()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_rows_that_do_not_fit_are_listed_with_the_adapter(training_job):
    one = training_job(epochs=1, context_tokens=135, too_long_share=0.5)
    metrics = stage.run(one)
    listed = (one.out / "too_long_train.jsonl").read_text("utf-8").splitlines()
    assert metrics["train_rows_too_long"] == len(listed) == 2
    assert metrics["train_rows"] + len(listed) == 12


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="there is no CUDA device"):
        choose_precision("cuda")
    assert choose_precision("auto").device == "cpu"


def test_a_number_format_has_its_reason():
    precision = choose_precision("cpu")
    assert precision.name in ("bfloat16", "float32")
    assert "CPU" in precision.reason
    assert precision.dtype is getattr(torch, precision.name)
    assert precision.facts() == {
        "name": precision.name,
        "reason": precision.reason,
        "device": "cpu",
    }


@pytest.mark.parametrize(
    ("before", "after"), [((4, 2), (2, 4)), ((5, 1), (1, 5)), ((6, 1), (3, 2)), ((1, 8), None)]
)
def test_smaller_batches_make_the_same_steps(before, after):
    plan = StepPlan.__new__(StepPlan)
    plan.processes = 1
    plan.packs_per_batch, plan.batches_per_step = before
    assert plan.halve() is (after is not None)
    assert (plan.packs_per_batch, plan.batches_per_step) == (after or before)


def test_out_of_memory_halves_the_batch_and_goes_on_from_the_checkpoint(
    training_job, monkeypatch
):
    real, fails = trainer.PackTrainer.compute_loss, [True]

    def compute_loss(self, model, inputs, *rest, **more):
        if self.state.global_step == 2 and fails:
            fails.clear()
            raise torch.OutOfMemoryError("out of memory")
        return real(self, model, inputs, *rest, **more)

    def two_at_once(self, packs, config, **where):
        plan(self, packs, config, **where)
        self.packs_per_batch, self.batches_per_step, self.steps = 2, 1, 2 * -(-len(packs) // 2)

    plan = StepPlan.__init__
    monkeypatch.setattr(StepPlan, "__init__", two_at_once)
    # In 16 bits the sums of one batch and of two differ by what the processor rounds.
    exact = Precision("float32", "sums are compared", "cpu")
    monkeypatch.setattr("sfta.training.model.choose_precision", lambda _device: exact)
    settings = {"epochs": 2, "checkpoint_minutes": 1e-9}
    whole = training_job("whole", **settings)
    stage.run(whole)
    for checkpoint in whole.work.glob("checkpoints/*"):
        shutil.rmtree(checkpoint)
    monkeypatch.setattr(trainer.PackTrainer, "compute_loss", compute_loss)
    cut = training_job("cut", **settings)
    stage.run(cut)
    assert not fails
    settings = json.loads((cut.out / "settings.json").read_text("utf-8"))
    assert (settings["packs_per_batch"], settings["batches_per_step"]) == (1, 2)
    one, other = ([h["loss"] for h in history(j.out) if "loss" in h] for j in (whole, cut))
    assert one == pytest.approx(other, rel=1e-4)


def test_a_pack_that_does_not_fit_alone_is_an_error_with_what_to_do(training_job, monkeypatch):
    def compute_loss(self, *_, **__):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(trainer.PackTrainer, "compute_loss", compute_loss)
    with pytest.raises(ConfigError, match="does not hold one pack") as caught:
        stage.run(training_job(epochs=1))
    assert "activation_checkpointing" in caught.value.hint
