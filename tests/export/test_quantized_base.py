"""A merged model computes what the 4-bit model with its adapter computed in training."""

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from sfta.training.config import LoraSettings, TrainConfig
from sfta.training.model import Precision, load_student, quantized_base
from sfta_edge.errors import IntegrityError
from sfta_export.merge import merge
from sfta_export.quantized_base import QUANTIZATION_FILE, QuantizedBase

IDS = torch.arange(12)[None]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)  # in float32: nothing but NF4 rounds
    return folder


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    """Trained on the 4-bit base as far as a merge can tell: both halves are random."""
    folder = tmp_path_factory.mktemp("adapter")
    precision = Precision("float32", "a test", "cpu")
    config = TrainConfig(method="qlora", lora=LoraSettings(rank=4, alpha=8))
    model = load_student(base, config, precision, seed=2)
    for name, value in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.1)
    model.save_pretrained(folder)
    quantized_base(model).write(folder)
    return folder


def in_training(base, adapter):
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, quantization_config=settings
    )
    with torch.no_grad():
        return PeftModel.from_pretrained(model, adapter).train()(IDS).logits


def merged(base, adapter, out, quantized):
    out.mkdir()
    facts = merge(base, adapter, out, quantized=quantized)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    with torch.no_grad():
        return facts, model(IDS).logits


def test_the_merged_model_is_the_one_that_was_trained(base, adapter, tmp_path):
    trained = in_training(base, adapter)
    facts, as_trained = merged(base, adapter, tmp_path / "a", QuantizedBase.read(adapter))
    _, original = merged(base, adapter, tmp_path / "b", None)
    assert facts.as_trained == 14
    assert (original - trained).abs().max() > 1e-2
    assert (as_trained - trained).abs().max() < 1e-4


def test_the_facts_name_every_linear_layer_but_the_head(base, adapter):
    facts = QuantizedBase.read(adapter)
    names = {name for name in load_file(base / "model.safetensors") if "_proj" in name}
    assert set(facts.weights) == names
    assert facts.block_size == 64
    assert facts.double


def test_an_adapter_of_an_unquantized_base_has_no_facts(base, tmp_path):
    config = TrainConfig(method="lora", lora=LoraSettings(rank=4, alpha=8))
    model = load_student(base, config, Precision("float32", "a test", "cpu"), seed=2)
    assert quantized_base(model) is None
    assert QuantizedBase.read(tmp_path) is None


def test_merging_as_trained_twice_gives_the_same_bytes(base, adapter, tmp_path):
    for name in ("a", "b"):
        merged(base, adapter, tmp_path / name, QuantizedBase.read(adapter))
    first, second = (tmp_path / name / "model.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_facts_about_another_base_are_refused(base, adapter, tmp_path):
    foreign = QuantizedBase(("model.layers.9.mlp.up_proj.weight",), 64, double=True)
    with pytest.raises(IntegrityError, match=r"no weight model\.layers\.9"):
        merge(base, adapter, tmp_path, quantized=foreign)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"weights": 3}', b'{"weights": [], "x": 1}'])
def test_unreadable_facts_are_refused(tmp_path, raw):
    (tmp_path / QUANTIZATION_FILE).write_bytes(raw)
    with pytest.raises(IntegrityError, match="not readable"):
        QuantizedBase.read(tmp_path)
