"""Every method and every form trains, and merges into the model that was trained."""

import json
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime
from sfta.stages import merge as merging
from sfta.stages import train as stage
from sfta.training.config import LoraSettings, TrainConfig
from sfta.training.model import Precision, load_student, quantized_base, save_weights
from sfta_export.merge import merge, take_trained
from sfta_export.quantized_base import QuantizedBase

pytestmark = pytest.mark.usefixtures("one_thread")
FLOAT32 = Precision("float32", "tests compare exactly", "cpu")
IDS = torch.tensor([[1, 2, 3, 4, 5, 6]])
RATES = {"full": 0.003}


def logits(model):
    with torch.no_grad():
        return model.train()(IDS).logits


def merged_from(job, made, folder):
    """The model that the merge stage makes of what was trained."""
    with writing(folder / "adapter", "adapter", {}) as out:
        for path in made.iterdir():
            (out / path.name).write_bytes(path.read_bytes())
    (folder / "merged").mkdir()
    adapter = Artifact.open(folder / "adapter")
    merging.run(
        Job(job.recipe, {"adapter": adapter}, folder / "merged", folder, Runtime(cache=folder))
    )
    return AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=torch.float32)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("lora", {"lora": {"rank": 4, "alpha": 8, "dora": True}}),
        ("lora", {"lora": {"rank": 4, "alpha": 8, "rank_stabilized": True}}),
        ("qlora", {}),
        ("qlora", {"lora": {"rank": 4, "alpha": 8, "dora": True}}),
        ("qlora", {"quantization": "int8"}),
        ("full", {"lora": {}}),
    ],
    ids=["dora", "rank-stabilized", "nf4", "nf4 dora", "int8", "full"],
)
def test_a_method_learns_and_what_it_learnt_is_in_the_merged_model(
    training_job, tmp_path, method, settings
):
    rate = RATES.get(method, 0.01)
    one = training_job(method=method, epochs=3, learning_rate=rate, **settings)
    metrics = stage.run(one)
    lines = (one.out / "history.jsonl").read_text("utf-8").splitlines()
    losses = [line["loss"] for line in map(json.loads, lines) if "loss" in line]
    assert losses[-1] < 0.95 * losses[0]
    assert metrics["trained_parameters"] > 0
    model = merged_from(one, one.out, tmp_path / "m")
    base = AutoModelForCausalLM.from_pretrained(one.recipe.model.base, dtype=torch.float32)
    assert (logits(model) - logits(base)).abs().max() > 1e-3
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


@pytest.mark.parametrize(
    ("quantization", "lora"),
    [
        ("nf4", LoraSettings(rank=4, alpha=8, dora=True)),
        ("int8", LoraSettings(rank=4, alpha=8)),
    ],
    ids=["nf4 dora", "int8"],
)
def test_the_merged_model_computes_what_was_trained(byte_llama, tmp_path, quantization, lora):
    config = TrainConfig(method="qlora", quantization=quantization, lora=lora)
    model = load_student(byte_llama, config, FLOAT32, seed=1)
    for name, value in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            torch.nn.init.normal_(value, std=0.05)
    trained = logits(model)
    adapter, out = tmp_path / "adapter", tmp_path / "out"
    model.save_pretrained(adapter)
    out.mkdir()
    quantized_base(model).write(adapter)
    quantized = QuantizedBase.read(adapter)
    assert quantized.scheme == quantization
    merge(byte_llama, adapter, out, quantized=quantized)
    found = logits(AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32))
    plain = logits(AutoModelForCausalLM.from_pretrained(byte_llama, dtype=torch.float32))
    # int8 rounds what a layer reads as well, which no merged weight can hold.
    least = 0.25 if quantization == "int8" else 1e-3
    assert (found - trained).abs().max() < least * (plain - trained).abs().max()


def test_a_full_training_keeps_names_and_number_format_of_the_base(byte_llama, tmp_path):
    model = load_student(byte_llama, TrainConfig(method="full"), FLOAT32, seed=1)
    assert all(parameter.requires_grad for parameter in model.parameters())
    save_weights(model, byte_llama, tmp_path)
    saved, base = (
        load_file(tmp_path / "model.safetensors"),
        load_file(byte_llama / "model.safetensors"),
    )
    assert {n: (v.dtype, v.shape) for n, v in saved.items()} == {
        n: (v.dtype, v.shape) for n, v in base.items()
    }
    (tmp_path / "out").mkdir()
    assert take_trained(byte_llama, tmp_path, tmp_path / "out").relative_change == 0.0


@pytest.mark.parametrize(
    ("rows", "counts"), [("oracle", (9, 3)), ("closed_book", (9, 3)), ("text", (2, 1))]
)
def test_a_form_of_rows_is_learnt(training_job, rows, counts):
    metrics = stage.run(training_job(rows=rows, epochs=4))
    assert (metrics["train_rows"], metrics["validation_rows"]) == counts
    assert metrics["validation_loss"] > 0


def test_an_adapter_with_weight_decomposition_is_what_peft_makes_of_it(byte_llama, tmp_path):
    config = TrainConfig(method="lora", lora=LoraSettings(rank=4, alpha=8, dora=True))
    model = load_student(byte_llama, config, FLOAT32, seed=1)
    for name, value in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, mean=0.5 * ("magnitude" in name), std=0.05)
    model.save_pretrained(tmp_path / "adapter")
    (tmp_path / "out").mkdir()
    merge(byte_llama, tmp_path / "adapter", tmp_path / "out")
    plain = AutoModelForCausalLM.from_pretrained(byte_llama, dtype=torch.float32)
    wanted = logits(PeftModel.from_pretrained(plain, tmp_path / "adapter").merge_and_unload())
    found = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32))
    assert torch.allclose(found, wanted, atol=1e-4)


def test_training_goes_on_from_an_adapter(training_job):
    first = training_job("first", epochs=3)
    stage.run(first)
    shutil.rmtree(first.work)
    settings = {"epochs": 1, "start_from": str(first.out)}
    second = training_job("second", **settings)
    assert stage.STAGE.check(second.recipe, Runtime()) == []
    assert "start_from" in stage.STAGE.external(second.recipe, Runtime())
    stage.run(second)
    begun, fresh = (
        json.loads((job.out / "history.jsonl").read_text("utf-8").splitlines()[0])["loss"]
        for job in (second, first)
    )
    assert begun < 0.9 * fresh


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start_from": "nowhere"}, "there is no"),
        ({"lora": {"rank": 8, "alpha": 8}}, "the adapter has r = 4, the recipe 8"),
        ({"lora": {"rank": 4, "alpha": 8, "dora": True}}, "use_dora = False, the recipe True"),
    ],
)
def test_an_adapter_that_does_not_fit_is_found_before_anything_runs(
    training_job, settings, said
):
    first = training_job("first", epochs=1)
    stage.run(first)
    one = training_job("second", **{"start_from": str(first.out), **settings})
    (problem,) = stage.STAGE.check(one.recipe, Runtime())
    assert problem.startswith("train.start_from: ")
    assert said in problem
