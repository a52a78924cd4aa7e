"""The best weights are kept whatever comes after them, and a run that learns no more ends."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from sfta.stages import train as stage
from sfta.training import trainer
from sfta.training.best import Best
from sfta_edge.errors import ConfigError

pytestmark = pytest.mark.usefixtures("one_thread")


def validated(best, model, losses, *, start=1):
    """Validate after each step; the steps that ran until the run was ended."""
    control = SimpleNamespace(should_training_stop=False)
    for step, loss in enumerate(losses, start):
        with torch.no_grad():
            model.weight.fill_(step)
        state = SimpleNamespace(global_step=step, is_world_process_zero=True)
        best.on_evaluate(None, state, control, metrics={"eval_loss": loss}, model=model)
        if control.should_training_stop:
            return step
    return None


@pytest.fixture
def model():
    return torch.nn.Linear(2, 2, bias=False)


def test_the_weights_of_the_lowest_loss_come_back(tmp_path, model):
    best = Best(tmp_path, None)
    assert validated(best, model, [0.5, 0.3, 0.4, 0.35]) is None
    assert best.restore(model) == 2
    assert model.weight.unique().tolist() == [2.0]


def test_of_equal_losses_the_first_stays(tmp_path, model):
    best = Best(tmp_path, None)
    validated(best, model, [0.3, 0.3])
    assert best.restore(model) == 1


@pytest.mark.parametrize(("patience", "end"), [(1, 3), (2, 5), (3, None)])
def test_a_run_without_a_lower_loss_ends_after_its_patience(tmp_path, model, patience, end):
    losses = [0.5, 0.4, 0.45, 0.39, 0.4, 0.41][: 6 if patience < 3 else 5]
    if patience == 2:
        losses = [0.5, 0.4, 0.39, 0.45, 0.4]
    assert validated(Best(tmp_path, patience), model, losses) == end


def test_a_resumed_run_knows_what_was_measured_and_counts_nothing_twice(tmp_path, model):
    validated(Best(tmp_path, 2), model, [0.3, 0.4])
    again = Best(tmp_path, 2)
    assert validated(again, model, [0.4], start=2) is None
    assert validated(again, model, [0.5], start=3) == 3
    assert again.restore(model) == 1


def test_a_run_that_begins_anew_forgets(tmp_path, model):
    best = Best(tmp_path, None)
    validated(best, model, [0.3])
    best.forget()
    assert best.restore(model) is None
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_ends_the_run_with_what_to_do(training_job, monkeypatch):
    real = trainer.weighted_loss

    def broken(model, inputs):
        total, logits = real(model, inputs)
        return total if model.training else total * float("nan"), logits

    monkeypatch.setattr(trainer, "weighted_loss", broken)
    with pytest.raises(ConfigError, match="diverged") as caught:
        stage.run(training_job(keep="last"))
    assert "learning_rate" in caught.value.hint


def test_a_run_that_keeps_its_last_weights_writes_no_others(training_job):
    one = training_job(epochs=1, keep="last")
    stage.run(one)
    assert list(one.work.glob("best*")) == []


def test_the_stage_keeps_the_best_and_says_of_which_step(training_job):
    # A rate this high makes later steps worse than earlier ones.
    one = training_job("best", epochs=3, learning_rate=0.3, validations=12)
    metrics = stage.run(one)
    lines = [json.loads(x) for x in (one.out / "history.jsonl").read_text("utf-8").splitlines()]
    losses = {line["step"]: line["eval_loss"] for line in lines if "eval_loss" in line}
    assert metrics["kept_step"] == min(losses, key=losses.get)
    assert metrics["validation_loss"] == round(min(losses.values()), 4)
    last = training_job("last", epochs=3, learning_rate=0.3, validations=12, keep="last")
    assert stage.run(last)["kept_step"] == max(losses)


def test_the_stage_stops_early(training_job):
    settings = {"epochs": 6, "learning_rate": 0.3, "validations": 30}
    whole = stage.run(training_job("whole", **settings))
    shutil.rmtree(training_job("other").work)
    stopped = stage.run(training_job("stopped", **settings, early_stopping=1))
    assert stopped["steps"] < whole["steps"]
