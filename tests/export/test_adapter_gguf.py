"""An adapter as a file of its own computes on its base what the merged model computes."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from sfta.adapters.hub import hf_tokenize
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError
from sfta_export import ladder, toolchain
from sfta_export.adapter_gguf import adapter_gguf
from sfta_export.gguf import model_gguf
from sfta_export.ladder import AdapterFile, Trained, check_ladder
from sfta_export.merge import merge
from sfta_export.parity import measure, probe_prompts
from sfta_export.reference import load_folder, reference
from tests.export.test_reference import save_adapter

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def adapter(model_dir, tmp_path_factory):
    return save_adapter(model_dir, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def probes(contract, tokenizer):
    return probe_prompts(contract, hf_tokenize(tokenizer))


def changed(adapter, folder, **settings):
    shutil.copytree(adapter, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def computed(folder, probes, scratch):
    scratch.mkdir()
    return reference(load_folder(folder), probes, scratch)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"lora_alpha": 3},
        {"alpha_pattern": {"layers.1.mlp.up_proj": 64, "q_proj": 1}},
    ],
    ids=["plain", "rank-stabilized", "small", "patterns"],
)
def test_base_and_adapter_as_files_are_the_merged_model(
    model_dir, adapter, f16, cache, probes, tmp_path, settings
):
    copy = changed(adapter, tmp_path / "adapter", **settings)
    (tmp_path / "merged").mkdir()
    merge(model_dir, copy, tmp_path / "merged")
    expected = computed(tmp_path / "merged", probes, tmp_path / "logits")
    path = adapter_gguf(model_dir, copy, tmp_path / "a.gguf", cache=cache)
    with_it = measure(f16, "adapter.gguf", expected, path)
    assert with_it.mean_kl < 1e-4
    assert measure(f16, "F16", expected).mean_kl > 100 * with_it.mean_kl
    assert path.stat().st_size < f16.stat().st_size / 10


def test_same_inputs_give_the_same_bytes_wherever_they_are(model_dir, adapter, cache, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "elsewhere")
    one = adapter_gguf(model_dir, adapter, tmp_path / "1.gguf", cache=cache)
    two = adapter_gguf(model_dir, copy, tmp_path / "2.gguf", cache=cache)
    assert one.read_bytes() == two.read_bytes()


def test_weight_decomposition_cannot_be_added_while_a_model_runs(
    model_dir, adapter, cache, tmp_path
):
    copy = changed(adapter, tmp_path / "adapter", use_dora=True)
    path = copy / "adapter_model.safetensors"
    tensors = load_file(path)
    magnitudes = {
        name.replace("lora_B.weight", "lora_magnitude_vector"): value[:, 0].contiguous()
        for name, value in tensors.items()
        if "lora_B" in name
    }
    save_file(tensors | magnitudes, path)
    with pytest.raises(ConfigError, match="DoRA") as caught:
        adapter_gguf(model_dir, copy, tmp_path / "a.gguf", cache=cache)
    assert "Merge it" in caught.value.hint


def test_whole_weights_cannot_be_exchanged_while_a_model_runs(
    model_dir, adapter, cache, tmp_path
):
    copy = changed(adapter, tmp_path / "adapter")
    path = copy / "adapter_model.safetensors"
    embedding = load_file(model_dir / "model.safetensors")["model.embed_tokens.weight"]
    save_file(load_file(path) | {"base_model.model.model.embed_tokens.weight": embedding}, path)
    with pytest.raises(ConfigError, match="embed_tokens"):
        adapter_gguf(model_dir, copy, tmp_path / "a.gguf", cache=cache)
    assert not (tmp_path / "a.gguf").exists()


def test_an_adapter_of_another_base_is_refused_before_the_converter_runs(
    build_model, adapter, cache, tmp_path
):
    other = build_model(tmp_path / "other", hidden=128)
    with pytest.raises(IntegrityError, match="not trained on this base"):
        adapter_gguf(other, adapter, tmp_path / "a.gguf", cache=cache)


def test_a_file_for_another_base_is_refused_when_it_is_loaded(
    build_model, model_dir, adapter, cache, probes, tmp_path
):
    other = build_model(tmp_path / "other", hidden=128)
    path = adapter_gguf(model_dir, adapter, tmp_path / "a.gguf", cache=cache)
    expected = computed(other, probes[:1], tmp_path / "logits")
    with pytest.raises(IntegrityError, match=r"a\.gguf does not fit"):
        measure(model_gguf(other, cache, "F16"), "x", expected, path)


def test_tools_of_an_earlier_version_are_asked_for(model_dir, adapter, tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "converter", lambda _cache: tmp_path)
    with pytest.raises(MissingDependencyError) as caught:
        adapter_gguf(model_dir, adapter, tmp_path / "a.gguf")
    assert "make tools" in caught.value.hint


def test_the_file_is_a_rung_of_the_ladder(
    model_dir, adapter, f16, cache, contract, tokenizer, probes, tmp_path
):
    (tmp_path / "merged").mkdir()
    merge(model_dir, adapter, tmp_path / "merged")
    path = adapter_gguf(model_dir, adapter, tmp_path / "a.gguf", cache=cache)
    trained = Trained(model_dir, adapter, as_trained=True, file=AdapterFile(path, f16))
    files = {"F16": model_gguf(tmp_path / "merged", cache, "F16")}
    record = check_ladder(
        tmp_path / "merged", files, contract, hf_tokenize(tokenizer), probes, trained=trained
    )
    names = [rung["scheme"] for rung in record["rungs"]]
    assert names == [ladder.ADAPTER, ladder.ADAPTER_FILE, "F16"]
    assert record["rungs"][1]["tolerance"]["mean_kl"] == ladder._AS_TRAINED.mean_kl
