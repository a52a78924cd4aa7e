"""Dequantizing writes a whole folder or says why not."""

import json

import numpy as np
import pytest

from sfta.adapters import gguf_weights
from sfta.adapters.gguf_weights import check_supported, dequantize, read_facts
from sfta_edge.errors import ConfigError, IntegrityError

LETTERS = [chr(c) for c in range(ord("!"), ord("~"))]
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *LETTERS, "ab", "abc"]


def write_gguf(path, *, architecture="llama", huge=False, pre="smollm"):
    """A one-block model of random weights with a vocabulary of single letters."""
    import gguf

    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(8)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(["a b", "ab c"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{{ messages }}")
    shapes = {
        "token_embd": (len(TOKENS), 32),
        "output_norm": (32,),
        "blk.0.attn_norm": (32,),
        "blk.0.ffn_norm": (32,),
        "blk.0.attn_q": (32, 32),
        "blk.0.attn_k": (16, 32),
        "blk.0.attn_v": (16, 32),
        "blk.0.attn_output": (32, 32),
        "blk.0.ffn_gate": (64, 32),
        "blk.0.ffn_up": (64, 32),
        "blk.0.ffn_down": (32, 64),
    }
    for name, shape in shapes.items():
        values = random.standard_normal(shape).astype(np.float32)
        if huge and name == "blk.0.ffn_up":
            values[0, 0] = 1e6
        if len(shape) == 1:
            writer.add_tensor(f"{name}.weight", values)
            continue
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(f"{name}.weight", gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_facts_are_values_by_key(tmp_path):
    facts = read_facts(write_gguf(tmp_path / "m.gguf"))
    assert facts["general.architecture"] == "llama"
    assert facts["tokenizer.ggml.tokens"] == TOKENS
    assert facts["tokenizer.ggml.eos_token_id"] == 2


@pytest.mark.parametrize("raw", [b"", b"GGUF", b"x" * 400])
def test_what_is_no_gguf_is_an_integrity_error(tmp_path, raw):
    (tmp_path / "m.gguf").write_bytes(raw)
    with pytest.raises(IntegrityError, match="not a readable GGUF"):
        read_facts(tmp_path / "m.gguf")


def test_a_file_cut_short_is_an_integrity_error(tmp_path):
    path = write_gguf(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(IntegrityError):
        read_facts(path)


def test_an_architecture_that_transformers_cannot_read_is_refused(tmp_path, out):
    path = write_gguf(tmp_path / "m.gguf", architecture="mpt")
    with pytest.raises(ConfigError, match="architecture 'mpt'") as caught:
        dequantize(path, out)
    assert "llama" in caught.value.hint
    assert list(out.iterdir()) == []


def test_an_unknown_pre_tokenizer_is_refused_before_weights_are_read(
    tmp_path, out, monkeypatch
):
    path = write_gguf(tmp_path / "m.gguf", pre="mystery")
    monkeypatch.setattr(gguf_weights, "_check_weights", None)
    with pytest.raises(ConfigError, match="mystery"):
        dequantize(path, out)


def test_weights_too_large_for_float16_are_refused(tmp_path, out):
    path = write_gguf(tmp_path / "m.gguf", huge=True)
    with pytest.raises(IntegrityError, match=r"up_proj.*no finite float16"):
        dequantize(path, out)
    assert list(out.iterdir()) == []


def test_the_folder_is_complete_and_plain(tmp_path, out):
    from transformers import AutoModelForCausalLM

    dequantize(write_gguf(tmp_path / "m.gguf"), out)
    assert sorted(path.name for path in out.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    config = json.loads((out / "config.json").read_text("utf-8"))
    assert not {"quantization_config", "_model_name_or_path"} & config.keys()
    assert str(tmp_path) not in (out / "tokenizer_config.json").read_text("utf-8")
    settings = json.loads((out / "generation_config.json").read_text("utf-8"))
    assert settings["eos_token_id"] == [2, 0]
    model = AutoModelForCausalLM.from_pretrained(out)
    assert str(model.dtype) == "torch.float16"


def test_same_file_same_bytes(tmp_path, out):
    path = write_gguf(tmp_path / "m.gguf")
    again = tmp_path / "again"
    again.mkdir()
    dequantize(path, out)
    dequantize(path, again)
    for file in out.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_no_bars_are_drawn_over_the_progress_of_the_caller(tmp_path, out, capfd):
    import transformers.modeling_gguf_pytorch_utils as reading

    bar = reading.tqdm
    dequantize(write_gguf(tmp_path / "m.gguf"), out)
    assert "it/s" not in capfd.readouterr().err
    assert reading.tqdm is bar


def test_a_supported_file_passes_the_check(tmp_path):
    check_supported(read_facts(write_gguf(tmp_path / "m.gguf")))
