"""Sizes that are foretold, against files that the converter and the quantizer write."""

import json

import pytest

from sfta_edge.errors import ConfigError
from sfta_export.gguf import quantize
from sfta_export.importance import Importance
from sfta_export.model_shape import read_shape
from sfta_export.number_formats import (
    SCHEMES,
    Quantizer,
    Tensor,
    bits_per_weight,
    stored_bytes,
)

FLOATS = {"F16", "BF16", "F32"}


def foretold(folder, scheme, *, importance=False):
    shape = read_shape(folder)
    made = Quantizer(
        scheme, shape.layers, shape.heads // shape.kv_heads, shape.tied, importance
    )
    return shape, sum(stored_bytes(t, made.format_of(t)) for t in shape.tensors)


@pytest.fixture(scope="module", name="wide")
def _wide(build_model, cache, tmp_path_factory):
    """A model whose rows fill blocks of 256, deep enough for the rules by layer, untied."""
    from sfta_export.gguf import model_gguf

    folder = build_model(tmp_path_factory.mktemp("wide") / "wide", hidden=256)
    return folder, model_gguf(folder, cache, "F16")


@pytest.mark.tools
@pytest.mark.parametrize("scheme", sorted(set(SCHEMES) - FLOATS))
def test_narrow_rows_are_stored_as_foretold(model_dir, f16, tmp_path, scheme):
    made = quantize(f16, tmp_path / "q.gguf", scheme)
    shape, weights = foretold(model_dir, scheme)
    assert made.bits_per_weight == pytest.approx(weights * 8 / shape.parameters, abs=0.001)
    assert made.size == pytest.approx(weights + shape.header_bytes, rel=0.02)


@pytest.mark.tools
@pytest.mark.parametrize("scheme", ["Q4_K_M", "Q5_K_M", "Q3_K_M", "Q6_K", "Q2_K", "Q4_0"])
def test_rows_that_fill_super_blocks_are_stored_as_foretold(wide, tmp_path, scheme):
    folder, source = wide
    made = quantize(source, tmp_path / "q.gguf", scheme)
    shape, weights = foretold(folder, scheme)
    assert made.bits_per_weight == pytest.approx(weights * 8 / shape.parameters, abs=0.001)


@pytest.mark.tools
def test_a_16_bit_file_is_as_large_as_foretold(model_dir, f16):
    shape, weights = foretold(model_dir, "F16")
    assert f16.stat().st_size == pytest.approx(weights + shape.header_bytes, rel=0.01)


def test_settings_alone_are_enough(model_dir, tmp_path):
    (tmp_path / "config.json").write_text((model_dir / "config.json").read_text())
    (tmp_path / "tokenizer.json").write_text((model_dir / "tokenizer.json").read_text())
    assert read_shape(tmp_path) == read_shape(model_dir)


def test_a_vocabulary_that_is_not_there_is_estimated(model_dir, tmp_path):
    (tmp_path / "config.json").write_text((model_dir / "config.json").read_text())
    guessed, known = read_shape(tmp_path).header_bytes, read_shape(model_dir).header_bytes
    assert 0.5 < guessed / known < 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": None}, "names no num_hidden_layers"),
        ({"intermediate_size": 0}, "names no intermediate_size"),
        ({"num_experts": 8}, "mixture of experts"),
    ],
)
def test_a_model_that_cannot_be_planned_is_refused(model_dir, tmp_path, changes, message):
    settings = json.loads((model_dir / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").symlink_to(model_dir / "model.safetensors")
    with pytest.raises(ConfigError, match=message):
        read_shape(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "no json"])
def test_unreadable_settings_are_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=r"cannot read .*config\.json"):
        read_shape(tmp_path)


def test_a_model_that_transformers_does_not_know_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mystery"}')
    with pytest.raises(ConfigError, match="no model that transformers can make") as info:
        read_shape(tmp_path)
    assert "never run" in info.value.hint


def test_windows_are_seen_but_all_tokens_are_kept(tmp_path):
    from model_families import save_base

    shape = read_shape(save_base("gemma3", tmp_path))
    assert (shape.windowed_layers, shape.window) == (1, 24)
    assert shape.kv_bytes_per_token == 2 * 2 * 16 * 2 * 2


@pytest.mark.parametrize("family", ["smollm3", "qwen2.5", "qwen3", "phi", "gemma3"])
def test_every_family_can_be_read(tmp_path, family):
    from model_families import save_base

    shape = read_shape(save_base(family, tmp_path))
    roles = {tensor.role for tensor in shape.tensors}
    assert "down" in roles
    assert "embedding" in roles
    assert shape.tied == (family != "phi")
    assert all(t.role != "other" for t in shape.tensors)


def test_the_first_layers_of_a_file_with_importances_get_more_bits():
    tensors = [Tensor("down", layer, 512, 512) for layer in range(16)]
    plain, weighed = (Quantizer("Q4_0", 16, 4, True, how) for how in (False, True))
    assert [weighed.format_of(t) for t in tensors[:3]] == ["Q4_1", "Q4_1", "Q4_0"]
    assert bits_per_weight(tensors, weighed) > bits_per_weight(tensors, plain) == 4.5


@pytest.mark.tools
def test_files_with_importances_are_as_large_as_foretold(wide, tmp_path):
    import numpy as np

    folder, source = wide
    rows = {"down": 512}
    values = {
        f"blk.{layer}.{name}.weight": np.ones(rows.get(name[4:], 256), dtype=np.float32)
        for layer in range(2)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up",
                     "ffn_down")
    }  # fmt: skip
    kept = Importance(values, 1, 1, "ones").write(tmp_path / "importance.safetensors")
    made = quantize(source, tmp_path / "q.gguf", "IQ4_XS", kept)
    shape, weights = foretold(folder, "IQ4_XS", importance=True)
    assert made.bits_per_weight == pytest.approx(weights * 8 / shape.parameters, abs=0.001)
