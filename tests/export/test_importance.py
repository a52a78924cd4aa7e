"""Importances are what reaches each weight on the recipe's own prompts, and change what is lost."""

import numpy as np
import pytest
import torch

from sfta.adapters.hub import hf_tokenize
from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_edge.model import Model
from sfta_export.gguf import model_gguf, verify_gguf
from sfta_export.importance import Importance, for_file, gather, source_of
from sfta_export.parity import measure, probe_prompts
from sfta_export.quantization import quantize
from sfta_export.reference import load_folder, reference

BLOCK = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@pytest.fixture(scope="module")
def prompts(contract, tokenizer):
    return [probe.ids for probe in probe_prompts(contract, hf_tokenize(tokenizer))]


@pytest.fixture(scope="module")
def found(model_dir, prompts):
    return gather(model_dir, prompts)


@pytest.fixture(scope="module")
def file(found, f16, cache, prompts, tmp_path_factory):
    named = for_file(found, f16, cache)
    path = tmp_path_factory.mktemp("importance") / "i.safetensors"
    origin = source_of("demo", prompts)
    return Importance(named, len(prompts), sum(map(len, prompts)), origin).write(path)


def test_a_figure_is_the_mean_square_of_an_input(model_dir, prompts, found):
    model = load_folder(model_dir)
    kept = []
    layer = model.model.layers[1].mlp.down_proj
    layer.register_forward_pre_hook(lambda _m, inputs: kept.append(inputs[0][0]))
    with torch.inference_mode():
        for prompt in prompts:
            model(torch.tensor([list(prompt)]))
    exact = torch.cat(kept).square().mean(dim=0).numpy()
    assert np.allclose(found["model.layers.1.mlp.down_proj.weight"], exact, rtol=1e-4)


def test_every_linear_layer_has_a_figure_for_each_input(found):
    assert len(found) == 2 * 7 + 1
    assert {len(value) for value in found.values()} == {64, 128}


def test_no_prompts_are_no_importances(model_dir):
    with pytest.raises(ConfigError, match="no training prompts") as caught:
        gather(model_dir, [])
    assert "importance_rows" in caught.value.hint


@pytest.mark.tools
def test_names_are_those_of_the_file_and_a_tied_head_is_the_embedding(found, f16, cache):
    named = for_file(found, f16, cache)
    blocks = {f"blk.{n}.{part}.weight" for n in (0, 1) for part in BLOCK}
    assert set(named) == {*blocks, "token_embd.weight"}
    assert np.array_equal(
        named["blk.1.ffn_down.weight"], found["model.layers.1.mlp.down_proj.weight"]
    )


@pytest.mark.tools
def test_a_layer_without_a_figure_is_refused_by_name(found, f16, cache):
    fewer = {n: v for n, v in found.items() if "layers.0.self_attn.k_proj" not in n}
    with pytest.raises(IntegrityError, match=r"blk\.0\.attn_k\.weight"):
        for_file(fewer, f16, cache)


@pytest.mark.tools
def test_figures_of_another_width_are_refused(found, f16, cache):
    wrong = {name: value[:-1] for name, value in found.items()}
    with pytest.raises(IntegrityError, match="are of another model"):
        for_file(wrong, f16, cache)


@pytest.mark.tools
def test_a_file_that_is_no_model_is_a_tool_error(found, cache, tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    with pytest.raises(ToolError, match=r"bad\.gguf"):
        for_file(found, tmp_path / "bad.gguf", cache)


@pytest.mark.tools
def test_what_is_kept_is_read_back_and_has_the_same_bytes_again(file, tmp_path):
    kept = Importance.read(file)
    assert kept.prompts == 3
    assert kept.source.startswith("3 training rows of demo, sha256 ")
    again = kept.write(tmp_path / "again.safetensors")
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("raw", [b"", b"no importances", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_file_is_refused(tmp_path, raw):
    path = tmp_path / "i.safetensors"
    path.write_bytes(raw)
    with pytest.raises(IntegrityError, match="no importance matrix"):
        Importance.read(path)


@pytest.mark.tools
def test_a_damaged_matrix_is_refused_before_quantizing(f16, tmp_path):
    path = tmp_path / "i.safetensors"
    path.write_bytes(b"broken")
    with pytest.raises(IntegrityError, match="no importance matrix"):
        quantize(f16, tmp_path / "q.gguf", "Q4_0", path)
    assert not (tmp_path / "q.gguf").exists()


@pytest.mark.tools
def test_the_origin_is_written_into_the_metadata_and_read_back(f16, file, model_dir, tmp_path):
    made = quantize(f16, tmp_path / "q.gguf", "Q4_0", file)
    model = Model(made.path)
    assert model.metadata("quantize.imatrix.entries_count") == "15"
    assert model.metadata("quantize.imatrix.chunks_count") == "3"
    assert model.metadata("quantize.imatrix.file").startswith("sha256 ")
    model.close()
    facts = verify_gguf(made.path, model_dir)
    assert facts.importance.startswith("3 training rows of demo")


@pytest.mark.tools
def test_eight_bits_take_no_importances(f16, file, model_dir, tmp_path):
    with_them = quantize(f16, tmp_path / "a.gguf", "Q8_0", file).path
    without = quantize(f16, tmp_path / "b.gguf", "Q8_0").path
    assert with_them.read_bytes() == without.read_bytes()
    assert verify_gguf(with_them, model_dir).importance == ""


@pytest.mark.tools
def test_same_importances_give_the_same_bytes(f16, file, tmp_path):
    one, two = (quantize(f16, tmp_path / n, "Q4_0", file).path for n in ("1.gguf", "2.gguf"))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != quantize(f16, tmp_path / "3.gguf", "Q4_0").path.read_bytes()


@pytest.mark.tools
def test_inputs_that_never_speak_may_be_rounded_away(
    build_model, cache, contract, tokenizer, tmp_path
):
    """Half of the inputs are made silent by the norm before them: knowing so loses less."""
    folder = build_model(tmp_path / "model", hidden=256, seed=8, dtype="float32")
    silence_inputs(folder)
    source = model_gguf(folder, cache, "F16")
    probes = probe_prompts(contract, hf_tokenize(tokenizer))
    ids = [probe.ids for probe in probes]
    named = for_file(gather(folder, ids), source, cache)
    kept = Importance(named, len(ids), 1, "probes").write(tmp_path / "i.safetensors")
    scratch = tmp_path / "logits"
    scratch.mkdir()
    expected = reference(load_folder(folder), probes, scratch)
    plain = quantize(source, tmp_path / "plain.gguf", "IQ4_XS").path
    told = quantize(source, tmp_path / "told.gguf", "IQ4_XS", kept).path
    loss = {p: measure(p, "IQ4_XS", expected).mean_kl for p in (plain, told)}
    assert loss[told] < loss[plain]


def silence_inputs(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    for name, value in tensors.items():
        if name.endswith("layernorm.weight"):
            value[::2] = 0.01
    save_file(tensors, path, metadata={"format": "pt"})
