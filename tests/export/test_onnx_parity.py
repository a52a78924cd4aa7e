"""Parity holds for a faithful ONNX folder and fails, by the name of its rung, for any other."""

import json
import logging
import shutil
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from sfta.adapters.hub import hf_tokenize, load_tokenizer
from sfta_edge.errors import IntegrityError
from sfta_export import onnx, onnx_parity
from sfta_export.onnx import EXACT, FAST, GRAPH, SETTINGS, WEIGHTS, model_onnx
from sfta_export.onnx_parity import (
    TOLERANCES,
    check_model,
    check_texts,
    is_as_good,
    measure,
)
from sfta_export.parity import Rung, probe_prompts
from sfta_export.probes import TEXTS
from sfta_export.reference import load_folder, reference

if any(find_spec(name) is None for name in onnx.PACKAGES):
    pytest.skip("needs the extra onnx", allow_module_level=True)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_parity, "physical_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def source(build_model, tmp_path_factory):
    """Weights near to each other, as trained ones are: 4 bits are no other model."""
    return build_model(tmp_path_factory.mktemp("source") / "tiny", initializer_range=0.1)


@pytest.fixture(scope="module")
def folders(source, tmp_path_factory):
    place = tmp_path_factory.mktemp("folders")
    return {scheme: model_onnx(source, place / scheme, scheme) for scheme in onnx.SCHEMES}


@pytest.fixture(scope="module")
def tokenize(tokenizer):
    return hf_tokenize(tokenizer)


@pytest.fixture(scope="module")
def expected(source, contract, tokenize, tmp_path_factory):
    probes = probe_prompts(contract, tokenize)
    return reference(load_folder(source), probes, tmp_path_factory.mktemp("logits"))


@pytest.fixture
def broken(folders, tmp_path):
    """A copy of a folder to break."""

    def copy(scheme):
        return shutil.copytree(folders[scheme], tmp_path / scheme)

    return copy


def carried(folder):
    return hf_tokenize(load_tokenizer(folder))


def place_of(folder, name):
    """Where a weight lies in the file beside the graph."""
    import onnx as library

    graph = library.load(str(folder / GRAPH), load_external_data=False).graph
    (found,) = [tensor for tensor in graph.initializer if tensor.name.endswith(name)]
    return int({entry.key: entry.value for entry in found.external_data}.get("offset", 0))


def flip(folder, name, mask):
    """Change bits of the highest byte of a weight's first number."""
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[place_of(folder, name) + 3] ^= mask
    (folder / WEIGHTS).write_bytes(data)


@pytest.mark.parametrize("scheme", onnx.SCHEMES)
def test_every_scheme_computes_what_the_model_computes(folders, source, expected, scheme):
    record = check_model(folders[scheme], scheme, source, expected)
    assert record["scheme"] == scheme
    assert record["mean_kl"] <= record["tolerance"]["mean_kl"]
    assert record["positions"] > 200


def test_fewer_bits_diverge_more(folders, expected):
    kls = [measure(folders[s], s, expected).mean_kl for s in ("fp32", "fp16", "int4")]
    assert kls == sorted(kls)
    assert kls[2] > 10 * kls[1]


def test_more_bits_allow_less():
    order = [TOLERANCES[scheme] for scheme in ("fp32", "fp16", "int4")]
    assert [limit.mean_kl for limit in order] == sorted(limit.mean_kl for limit in order)
    assert set(TOLERANCES) == set(onnx.SCHEMES)


def test_the_same_folder_is_measured_the_same_twice(folders, expected):
    first = measure(folders["int4"], "int4", expected)
    assert measure(folders["int4"], "int4", expected) == first


def test_the_level_of_int4_is_chosen_and_both_are_on_record(broken, source, expected):
    folder = broken("int4")
    record = check_model(folder, "int4", source, expected)
    assert record["accuracy_level"] in (FAST, EXACT)
    assert record["other_level"]["positions"] == record["positions"]
    again = measure(folder, "int4", expected)
    assert again.mean_kl == record["mean_kl"]


def test_a_fast_level_that_costs_too_much_is_not_taken(broken, source, expected, monkeypatch):
    monkeypatch.setattr(onnx_parity, "is_as_good", lambda _fast, _exact: False)
    folder = broken("int4")
    record = check_model(folder, "int4", source, expected)
    assert record["accuracy_level"] == EXACT
    assert measure(folder, "int4", expected).mean_kl == record["mean_kl"]


@pytest.mark.parametrize(
    ("kl", "top1", "taken"),
    [(0.10, 0.90, True), (0.12, 0.885, True), (0.13, 0.90, False), (0.10, 0.87, False)],
)
def test_the_fast_level_may_cost_a_quarter_and_one_token_in_fifty(kl, top1, taken):
    exact = Rung("int4", 0.10, 1.0, 0.90, 1.0, 288)
    assert is_as_good(replace(exact, mean_kl=kl, top1=top1), exact) is taken


def test_one_flipped_byte_of_a_weight_is_refused_by_name(broken, source, expected):
    folder = broken("fp32")
    flip(folder, "final_norm_layernorm.weight", 0x04)
    with pytest.raises(IntegrityError, match="parity of ONNX fp32 fails") as caught:
        check_model(folder, "fp32", source, expected)
    assert "limit" in str(caught.value)
    assert caught.value.exit_code == 4


def test_one_flipped_byte_of_a_scale_is_refused_by_name(broken, source, expected):
    folder = broken("int4")
    flip(folder, "layers.0.mlp.down_proj.MatMul.weight_scale", 0x40)
    with pytest.raises(IntegrityError, match="parity of ONNX int4 fails"):
        check_model(folder, "int4", source, expected)


def test_what_is_no_number_is_refused_and_not_averaged(broken, source, expected):
    folder = broken("fp32")
    at = place_of(folder, "final_norm_layernorm.weight")
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[at : at + 4] = np.float32("nan").tobytes()
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(IntegrityError, match="ONNX fp32 fails: it computes what is no number"):
        check_model(folder, "fp32", source, expected)


def test_weights_of_another_model_are_refused_by_name(
    build_model, folders, expected, source, tmp_path
):
    other = build_model(tmp_path / "other", seed=99, initializer_range=0.1)
    folder = model_onnx(other, tmp_path / "out", "fp32")
    with pytest.raises(IntegrityError, match="parity of ONNX fp32 fails: mean KL"):
        check_model(folder, "fp32", source, expected)


@pytest.mark.parametrize("cut", [0, 100])
def test_a_graph_that_is_cut_short_does_not_run_and_says_so(broken, source, expected, cut):
    folder = broken("fp32")
    (folder / GRAPH).write_bytes((folder / GRAPH).read_bytes()[:cut])
    with pytest.raises(IntegrityError, match="ONNX fp32 fails: onnxruntime-genai does not run"):
        check_model(folder, "fp32", source, expected)


def test_weights_that_are_cut_short_do_not_run_and_say_so(broken, source, expected):
    folder = broken("fp32")
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:1000])
    with pytest.raises(IntegrityError, match="ONNX fp32 fails: onnxruntime-genai does not run"):
        check_model(folder, "fp32", source, expected)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("context_length", 77, "context_length 77 instead of 1024"),
        ("vocab_size", 9, "vocab_size 9 instead of"),
        ("eos_token_id", [5], r"generation does not end at \[2, 0\]"),
    ],
)
def test_settings_that_are_not_the_model_s_are_refused(
    broken, source, expected, key, value, words
):
    folder = broken("fp32")
    settings = json.loads((folder / SETTINGS).read_text())
    settings["model"][key] = value
    (folder / SETTINGS).write_text(json.dumps(settings))
    with pytest.raises(IntegrityError, match=words):
        check_model(folder, "fp32", source, expected)


def test_the_folder_carries_the_model_s_tokenizer(folders, tokenize, contract):
    found = check_texts(folders["int4"], "int4", tokenize, carried(folders["int4"]), contract)
    assert found["token_texts"] > 2 * len(TEXTS)


def test_a_wrong_tokenizer_is_refused_by_name(broken, tokenize, contract):
    folder = broken("int4")
    rules = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    rules["model"]["merges"] = rules["model"]["merges"][:100]
    (folder / "tokenizer.json").write_text(json.dumps(rules), "utf-8")
    with pytest.raises(IntegrityError, match="ONNX int4: parity of token ids fails"):
        check_texts(folder, "int4", tokenize, carried(folder), contract)


def test_a_runtime_that_reads_text_otherwise_is_told_and_counted(
    folders, tokenize, contract, caplog
):
    """Digits that stand alone end a run of white space for the library, and not for it."""
    folder = folders["int4"]
    with caplog.at_level(logging.WARNING, logger="sfta"):
        found = check_texts(folder, "int4", tokenize, carried(folder), contract)
    assert found["runtime_reads_otherwise"] >= 1
    assert "give the runtime ids made with tokenizer.json" in caplog.text


def test_an_answer_ends_where_the_model_ends(folders, tokenize):
    model = onnx_parity.load_onnx(folders["fp32"])
    prompt = tokenize("How much oil?", False)
    whole = onnx_parity._write(model, prompt, set())
    assert whole
    assert onnx_parity._write(model, prompt, {whole[0]}) == []
