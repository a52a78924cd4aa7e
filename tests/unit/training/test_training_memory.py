"""What a training run needs is told before it begins, and what would fit instead."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from model_shapes import SHAPE
from sfta.stages import train as stage
from sfta.training import memory
from sfta.training.config import LoraSettings, TrainConfig
from sfta.training.memory import GIB, Memory, ModelShape, check_disk, check_memory, estimate
from sfta.training.model import Precision
from sfta.training.packing import Pack
from sfta.training.rows import EncodedRow
from sfta_edge.errors import ConfigError

HALF = Precision("bfloat16", "a test", "cpu")


def packs(*lengths, context=400):
    return [
        Pack((EncodedRow(f"r{n}", (1,) * context, (2,) * 20, (3,) * (n - 20), refusal=False),))
        for n in lengths
    ]


def gib(**settings):
    return estimate(SHAPE, TrainConfig(**settings), HALF, packs(60)).total / memory.GIB


def test_the_shape_is_read_from_settings_and_tensors(byte_llama):
    shape = ModelShape.read(byte_llama)
    model = LlamaForCausalLM.from_pretrained(byte_llama)
    assert shape.parameters == sum(p.numel() for p in model.parameters())
    assert len(shape.linear) == 2 * 7
    assert (shape.layers, shape.hidden, shape.inner, shape.heads) == (2, 64, 64, 2)
    assert len(shape.adapted(["q_proj", "v_proj"])) == 4


def test_methods_need_what_their_weights_say():
    assert gib(method="qlora") < gib(method="qlora", quantization="int8") < gib(method="lora")
    assert gib(method="full") > 16 * SHAPE.parameters / memory.GIB
    assert gib(lora=LoraSettings(rank=64)) > gib(lora=LoraSettings(rank=8))
    assert gib(activation_checkpointing=True) < gib()


def test_longer_packs_need_more():
    one, other = (
        estimate(SHAPE, TrainConfig(), HALF, packs(length)).activations for length in (60, 900)
    )
    assert other > 1.5 * one


def test_too_little_memory_is_said_with_what_would_fit(byte_llama, monkeypatch):
    needed = check_memory(byte_llama, TrainConfig(method="full"), HALF, packs(900), 1)
    without = estimate(
        ModelShape.read(byte_llama), TrainConfig(method="full", activation_checkpointing=True),
        HALF, packs(900),
    )  # fmt: skip
    free = (needed.total + without.total) / 2 / 0.95
    monkeypatch.setattr(memory, "available", lambda _device: free)
    with pytest.raises(ConfigError, match=r"training needs .* GiB are free") as caught:
        check_memory(byte_llama, TrainConfig(method="full"), HALF, packs(900), 1)
    assert "train.activation_checkpointing: true" in caught.value.hint


def test_where_nothing_fits_the_hint_says_what_to_change(byte_llama, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda _device: 1e6)
    with pytest.raises(ConfigError) as caught:
        check_memory(byte_llama, TrainConfig(), HALF, packs(60), 1)
    assert "smaller model" in caught.value.hint


def test_a_model_whose_settings_say_nothing_is_not_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "other"}')
    assert check_memory(tmp_path, TrainConfig(), HALF, packs(60), 1) is None


def test_free_memory_is_that_of_the_machine():
    assert 1e8 < memory.available("cpu") < 1e14


def test_the_stage_looks_before_it_loads(training_job, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda _device: 1e6)
    monkeypatch.setattr("sfta.training.model.load_student", None)
    with pytest.raises(ConfigError, match="GiB are free"):
        stage.run(training_job())


@pytest.mark.parametrize("method", ["lora", "full"])
def test_checkpointed_activations_make_the_same_steps(training_job, method):
    losses = []
    for on in (False, True):
        settings = {"method": method, "lora": {"rank": 4, "alpha": 8}} if method == "lora" else {
            "method": method, "lora": {}}  # fmt: skip
        one = training_job(f"{method}-{on}", epochs=1, activation_checkpointing=on, **settings)
        losses.append(stage.run(one)["train_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_model_with_its_text_settings_inside_is_read(tmp_path):
    config = LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=1,
                         num_attention_heads=4, num_key_value_heads=2, vocab_size=64)  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    plain = ModelShape.read(tmp_path)
    text = (tmp_path / "config.json").read_text("utf-8")
    (tmp_path / "config.json").write_text(f'{{"text_config": {text}}}')
    assert ModelShape.read(tmp_path) == plain


def test_checkpoints_that_do_not_fit_on_the_disk_are_found_before_training(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * GIB))
    needed = Memory(weights=GIB, trained=2 * GIB, activations=GIB, program=GIB)
    with pytest.raises(ConfigError, match=r"need 6\.0 GiB, and 5\.0 GiB are free") as error:
        check_disk(tmp_path, needed)
    assert "--runs" in error.value.hint
    check_disk(tmp_path, replace(needed, trained=GIB))
    check_disk(tmp_path, None)
