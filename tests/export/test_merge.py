"""Merging is PEFT's merge_and_unload without loading a model, and refuses what cannot be right."""

import json
import shutil

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.merge import merge
from sfta_export.merge_plan import Part, plan_merge
from sfta_export.tensors import list_tensors

Q = "model.layers.0.self_attn.q_proj.weight"


def write_base(folder, dtype=torch.float16, *, tied=True, shard="1GB"):
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        tie_word_embeddings=tied,
    )
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder, max_shard_size=shard)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "LICENSE").write_text("Apache-2.0")
    return folder


def write_adapter(folder, base, **settings):
    """An adapter whose both halves are random, so that each weight changes."""
    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = {"r": 4, "lora_alpha": 16, "target_modules": "all-linear"} | settings
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, value in wrapped.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.1)
    wrapped.save_pretrained(folder)
    return folder


def peft_result(base, adapter, dtype):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return {name: value.to(dtype) for name, value in merged.state_dict().items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    return write_adapter(tmp_path_factory.mktemp("adapter"), base)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"use_dora": True},
        {"target_modules": ["q_proj", "down_proj"]},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.1.mlp.up_proj": 64}},
    ],
    ids=["plain", "rank-stabilized", "weight-decomposed", "few modules", "patterns"],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_the_result_is_that_of_peft(tmp_path, out, settings, dtype):
    base = write_base(tmp_path / "base", dtype)
    adapter = write_adapter(tmp_path / "adapter", base, **settings)
    merge(base, adapter, out)
    expected = peft_result(base, adapter, dtype)
    found = load_file(out / "model.safetensors")
    assert found.keys() == expected.keys() - {"lm_head.weight"}
    for name, value in found.items():
        assert value.dtype == dtype
        torch.testing.assert_close(value, expected[name], rtol=0, atol=2e-3)


def test_each_changed_weight_is_really_changed_and_no_other(base, adapter, out):
    merged = merge(base, adapter, out)
    before, after = load_file(base / "model.safetensors"), load_file(out / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert len(changed) == merged.changed == 14  # seven linear layers in two blocks
    assert all("proj" in name for name in changed)
    assert merged.tensors == len(before)


def test_the_loaded_model_computes_what_base_and_adapter_compute(base, adapter, out):
    merge(base, adapter, out)
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        both = PeftModel.from_pretrained(plain, adapter)(input_ids=ids).logits
        one = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)(ids).logits
    torch.testing.assert_close(one, both, rtol=0.02, atol=0.02)


def test_an_adapter_of_zeros_gives_the_base_bit_by_bit(base, tmp_path, out):
    adapter = write_adapter(tmp_path / "adapter", base)
    path = adapter / "adapter_model.safetensors"
    save_file({k: torch.zeros_like(v) for k, v in load_file(path).items()}, path)
    merged = merge(base, adapter, out)
    assert merged.relative_change == 0.0
    before, after = load_file(base / "model.safetensors"), load_file(out / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_relative_change_is_the_ratio_of_norms(base, adapter, out):
    merged = merge(base, adapter, out)
    before = load_file(base / "model.safetensors")
    exact = peft_result(base, adapter, torch.float32)
    names = [name for name in before if "proj" in name]
    change = sum((exact[n] - before[n].float()).square().sum() for n in names)
    weights = sum(before[n].float().square().sum() for n in names)
    assert merged.relative_change == pytest.approx(float((change / weights) ** 0.5), rel=1e-3)


def test_same_inputs_give_the_same_bytes(base, adapter, out, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    merge(base, adapter, out)
    merge(base, adapter, again)
    assert (out / "model.safetensors").read_bytes() == (
        again / "model.safetensors"
    ).read_bytes()


def test_shards_become_one_file_with_the_same_weights(base, adapter, out, tmp_path):
    shards = write_base(tmp_path / "shards", shard="20KB")
    assert len(list(shards.glob("*.safetensors"))) > 1
    merge(shards, adapter, out)
    single = tmp_path / "single"
    single.mkdir()
    merge(base, adapter, single)
    assert (out / "model.safetensors").read_bytes() == (
        single / "model.safetensors"
    ).read_bytes()
    assert not list(out.glob("*.index.json"))


def test_settings_tokenizer_and_licence_go_along_and_foreign_files_do_not(
    base, adapter, out, tmp_path
):
    copy = shutil.copytree(base, tmp_path / "copy")
    for name in ("manifest.json", "adapter_config.json", "prompt.json", "model.py", "x.bin"):
        (copy / name).write_text("{}")
    merge(copy, adapter, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "LICENSE",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_a_transposed_weight_is_changed_by_the_transposed_update(tmp_path, out):
    """GPT-2 stores linear layers as (inputs, outputs)."""
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    weight, a, b = torch.randn(8, 6), torch.randn(2, 8), torch.randn(6, 2)
    (base / "config.json").write_text("{}")
    save_file({"h.0.attn.weight": weight}, base / "model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "fan_in_fan_out": True}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    key = "base_model.model.h.0.attn.lora"
    save_file({f"{key}_A.weight": a, f"{key}_B.weight": b}, adapter / "a.safetensors")
    merge(base, adapter, out)
    found = load_file(out / "model.safetensors")["h.0.attn.weight"]
    torch.testing.assert_close(found, weight + (b @ a).T)


def test_a_quantized_base_is_refused(base, adapter, out, tmp_path, edit_json):
    copy = shutil.copytree(base, tmp_path / "copy")
    edit_json(copy / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    with pytest.raises(ConfigError, match="quantized") as caught:
        merge(copy, adapter, out)
    assert "16-bit" in caught.value.hint
    assert list(out.iterdir()) == []


def test_a_base_with_quantized_weights_and_innocent_settings_is_refused(
    base, adapter, out, tmp_path
):
    copy = shutil.copytree(base, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    weights[Q] = weights[Q].to(torch.int8)
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(ConfigError, match="I8"):
        merge(copy, adapter, out)


def test_an_adapter_of_another_width_is_refused_with_both_shapes(base, adapter, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    path = copy / "adapter_model.safetensors"
    weights = load_file(path)
    name = next(n for n in weights if "q_proj.lora_A" in n)
    weights[name] = torch.zeros(4, 31)
    save_file(weights, path)
    with pytest.raises(IntegrityError, match=r"\(32, 32\), the adapter \(32, 31\)"):
        plan_merge(base, [Part(copy)])


def test_an_adapter_of_another_model_is_refused_by_the_names_of_its_weights(
    base, adapter, tmp_path
):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    path = copy / "adapter_model.safetensors"
    renamed = {n.replace("layers.1.", "layers.7."): v for n, v in load_file(path).items()}
    save_file(renamed, path)
    with pytest.raises(IntegrityError, match=r"no weight model\.layers\.7") as caught:
        plan_merge(base, [Part(copy)])
    assert "and 4 more" in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e6])
def test_a_sum_that_is_no_finite_number_is_refused(base, adapter, out, tmp_path, bad):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    path = copy / "adapter_model.safetensors"
    weights = {name: torch.full_like(value, bad) for name, value in load_file(path).items()}
    save_file(weights, path)
    with pytest.raises(IntegrityError, match="not finite"):
        merge(base, copy, out)


def test_a_folder_without_a_model_is_refused(adapter, out, tmp_path):
    with pytest.raises(ConfigError, match=r"config\.json"):
        merge(tmp_path, adapter, out)


def test_a_weight_is_read_when_its_turn_comes(base, adapter, out, monkeypatch):
    """No more than one weight and its update are in memory."""
    import safetensors

    alive = []
    real = safetensors.safe_open

    class Watching:
        def __init__(self, *args, **kwargs):
            self.file = real(*args, **kwargs)

        def __enter__(self):
            self.file = self.file.__enter__()
            return self

        def __exit__(self, *args):
            return self.file.__exit__(*args)

        def get_tensor(self, name):
            alive.append(name)
            return self.file.get_tensor(name)

        def __getattr__(self, name):
            return getattr(self.file, name)

    monkeypatch.setattr(safetensors, "safe_open", Watching)
    merge(base, adapter, out)
    weights = [name for name in alive if "lora" not in name]
    assert weights == sorted(list_tensors(base))
