"""Settings of a training run, the adapter they make, and what is watched while it runs."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sfta.core.progress import Task
from sfta.training import watching
from sfta.training.checkpoints import COMPLETE
from sfta.training.config import LoraSettings, ModelConfig, TrainConfig
from sfta.training.model import Precision, choose_precision, lora_config
from sfta.training.watching import (
    Watch,
    history_lines,
    last_loss,
    last_validation,
    write_history,
)

LOOP = SimpleNamespace(tokens=0, model=SimpleNamespace(device=torch.device("cpu")))
LOSSES = st.floats(0, 100, allow_nan=False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method", "prefix"),
        ("quantization", "fp4"),
        ("rows", "chat"),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-4),
        ("warmup_share", 1.1),
        ("epochs", 0),
        ("epochs", 1.5),
        ("rows_per_step", 0),
        ("weight_decay", -0.1),
        ("max_gradient_norm", 0),
        ("refusal_weight", 0),
        ("context_tokens", -4096),
        ("too_long_share", -0.01),
        ("validations", 0),
        ("checkpoint_minutes", 0),
        ("lora", {"rank": 0}),
        ("lora", {"dropout": 1.5}),
        ("lora", {"alpha": 0}),
        ("learning_rte", 1e-4),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(key, value):
    with pytest.raises(ValidationError, match=key):
        TrainConfig.model_validate({key: value})


@pytest.mark.parametrize(
    "settings",
    [{"method": "full", "lora": {"rank": 4}}, {"method": "lora", "quantization": "int8"}],
)
def test_a_setting_without_effect_is_an_error(settings):
    with pytest.raises(ValidationError, match=r"has (no|an) effect"):
        TrainConfig.model_validate(settings)


def test_all_weights_learn_more_slowly_than_an_adapter():
    assert TrainConfig().peak_rate == 4e-4
    assert TrainConfig(method="full").peak_rate == 2e-5
    assert TrainConfig(method="full", learning_rate=1e-5).peak_rate == 1e-5


def test_a_model_must_be_named():
    with pytest.raises(ValidationError, match="base"):
        ModelConfig.model_validate({})


def test_settings_survive_being_written_down():
    config = TrainConfig(method="lora", lora=LoraSettings(rank=4, target_modules=["q_proj"]))
    assert TrainConfig.model_validate(json.loads(config.model_dump_json())) == config


def test_no_default_is_shared_between_two_runs():
    one, other = LoraSettings(), LoraSettings()
    assert one.target_modules == []
    assert one.target_modules is not other.target_modules


@pytest.mark.parametrize(
    ("named", "targets"), [([], "all-linear"), (["q_proj", "v_proj"], {"q_proj", "v_proj"})]
)
def test_an_adapter_goes_to_the_named_layers_or_to_all(named, targets):
    settings = LoraSettings(rank=8, alpha=24, dropout=0.1, target_modules=named, dora=True)
    config = lora_config(settings)
    assert (config.use_dora, config.use_rslora) == (True, False)
    assert (config.r, config.lora_alpha, config.lora_dropout) == (8, 24, 0.1)
    assert config.target_modules == targets
    assert (config.bias, config.task_type) == ("none", "CAUSAL_LM")


@pytest.mark.parametrize(
    ("device", "gpu", "gpu_bf16", "cpu_bf16", "expected"),
    [
        ("auto", True, True, False, ("cuda", "bfloat16")),
        ("auto", True, False, True, ("cuda", "float16")),
        ("cuda", True, True, False, ("cuda", "bfloat16")),
        ("cpu", True, True, False, ("cpu", "float32")),
        ("cpu", False, False, True, ("cpu", "bfloat16")),
        ("auto", False, False, True, ("cpu", "bfloat16")),
        ("auto", False, False, False, ("cpu", "float32")),
    ],
)
def test_the_number_format_is_the_fast_one_of_the_device(
    monkeypatch, device, gpu, gpu_bf16, cpu_bf16, expected
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: gpu_bf16)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: cpu_bf16)
    chosen = choose_precision(device)
    assert (chosen.device, chosen.name) == expected
    assert chosen.reason


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_a_number_format_is_recorded_by_name(name):
    precision = Precision(name, "because", "cpu")
    assert precision.dtype is getattr(torch, name)
    assert precision.facts() == {"name": name, "reason": "because", "device": "cpu"}


@pytest.fixture(name="clock")
def _clock(monkeypatch):
    """Time that passes only when told."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def step(watch):
    control = SimpleNamespace(should_save=False)
    watch.on_step_end(None, None, control)
    return control.should_save


def test_a_checkpoint_is_asked_for_by_the_clock_and_not_by_steps(clock, tmp_path):
    watch = Watch(Task("train", None), LOOP, checkpoint_seconds=60)
    assert not any(step(watch) for _ in range(100))
    clock.now = 59.9
    assert not step(watch)
    clock.now = 60.0
    assert step(watch)
    (tmp_path / "checkpoint-7").mkdir()
    saved = SimpleNamespace(output_dir=str(tmp_path))
    watch.on_save(saved, SimpleNamespace(global_step=7), None)
    assert not step(watch)
    clock.now = 120.0
    assert step(watch)


def test_a_checkpoint_is_marked_only_once_it_is_there(tmp_path):
    watch = Watch(Task("train", None), LOOP, checkpoint_seconds=60)
    args = SimpleNamespace(output_dir=str(tmp_path))
    with pytest.raises(FileNotFoundError):
        watch.on_save(args, SimpleNamespace(global_step=3), None)
    folder = tmp_path / "checkpoint-3"
    folder.mkdir()
    watch.on_save(args, SimpleNamespace(global_step=3), None)
    assert [path.name for path in folder.iterdir()] == [COMPLETE]


def test_a_resumed_run_goes_on_counting_where_it_stopped():
    task = Task("train", None)
    watch = Watch(task, LOOP, checkpoint_seconds=60)
    watch.on_train_begin(None, SimpleNamespace(max_steps=30, global_step=12), None)
    step(watch)
    assert (task.done, task.total) == (13, 30)


def test_the_progress_line_keeps_the_last_loss_through_a_validation():
    task = Task("train", 10)
    watch = Watch(task, LOOP, checkpoint_seconds=60)
    watch.on_log(logs={"loss": 1.23456})
    watch.on_log(logs={"eval_loss": 9.0})
    watch.on_log()
    step(watch)
    assert task.note.startswith("loss 1.235, ")


def test_the_history_holds_figures_in_order_and_no_timings():
    log = [
        {"step": 1, "epoch": 0.5, "loss": 2.0, "learning_rate": 1e-4, "total_flos": 5},
        {"step": 1, "epoch": 0.5, "eval_loss": 1.5, "eval_runtime": 3.2},
        {"step": 2, "epoch": 1.0, "train_runtime": 60.0},
    ]
    assert history_lines(log) == [
        {"step": 1, "epoch": 0.5, "loss": 2.0, "learning_rate": 1e-4},
        {"step": 1, "epoch": 0.5, "eval_loss": 1.5},
    ]


@given(st.lists(LOSSES, min_size=1, max_size=30), st.integers(1, 12))
def test_the_last_loss_lies_between_the_losses_it_is_the_mean_of(losses, steps):
    history = [{"loss": loss} for loss in losses]
    tail = losses[-steps:]
    found = last_loss(history, steps)
    assert min(tail) - 1e-9 <= found <= max(tail) + 1e-9
    with_validations = [line for entry in history for line in (entry, {"eval_loss": 1e9})]
    assert last_loss(with_validations, steps) == found


def test_without_a_step_there_is_no_loss_to_speak_of():
    assert math.isnan(last_loss([]))
    assert math.isnan(last_loss([{"eval_loss": 1.0}]))


@given(losses=st.lists(LOSSES, max_size=5))
def test_a_written_history_reads_back_exactly(tmp_path_factory, losses):
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    lines = [{"step": n, "epoch": n / 2, "loss": loss} for n, loss in enumerate(losses)]
    write_history(path, lines)
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == lines


def test_a_step_that_was_validated_is_not_validated_again():
    log = [
        {"step": 1, "loss": 2.0},
        {"step": 2, "eval_loss": 0.9},
        {"step": 2, "eval_loss": 0.8},
        {"step": 3, "loss": 0.7},
    ]
    assert last_validation(log[:3]) == log[2]
    assert last_validation(log) is None
    assert last_validation([]) is None
