"""ONNX of every family that is built computes what the model computes; Phi at any length."""

import json
from importlib.util import find_spec

import pytest

from model_families import save_base
from sfta.adapters.hub import hf_tokenize, load_tokenizer
from sfta_edge.errors import ConfigError
from sfta_export import onnx, onnx_parity
from sfta_export.onnx import check_buildable, model_onnx
from sfta_export.onnx_parity import TOLERANCES, measure
from sfta_export.probes import TEXTS
from sfta_export.reference import Probe, load_folder, reference

if any(find_spec(name) is None for name in onnx.PACKAGES):
    pytest.skip("needs the extra onnx", allow_module_level=True)
SWITCH = 4096
"""Tokens from which on Phi 3.5 and Phi 4 take other frequencies."""


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_parity, "physical_cores", lambda: 1)
        yield


def limit(scheme):
    """Weights as wide as these are lose much in 4 bits; a wrong graph is nats away."""
    return 1.0 if scheme == "int4" else TOLERANCES[scheme].mean_kl


@pytest.mark.slow
@pytest.mark.parametrize("scheme", onnx.SCHEMES)
@pytest.mark.parametrize("name", ["smollm2", "qwen2.5", "qwen3", "llama3.2", "phi"])
def test_every_family_that_is_built_computes_what_it_computed(
    name, scheme, tmp_path, edit_json
):
    family = save_base(name, tmp_path / "base")
    if name == "phi":
        # As long as it was trained, as Phi 3 mini with 4096 tokens.
        edit_json(family / "config.json", original_max_position_embeddings=1024)
    tokenize = hf_tokenize(load_tokenizer(family))
    probe = Probe(tuple(tokenize(" ".join(TEXTS)[:300], False)))
    found = reference(load_folder(family), [probe], tmp_path)
    rung = measure(model_onnx(family, tmp_path / "out", scheme), scheme, found)
    assert rung.mean_kl <= limit(scheme)


def save_long_phi(folder, *, rotary=1.0, switch=SWITCH):
    """A Phi that reads twice as many tokens as it was trained on, as those on the hub do.

    `rotary`: the share of a head that is turned; the runtime takes multiples of 16 numbers.
    """
    count = int(32 * rotary)
    rope = {
        "rope_type": "longrope", "type": "longrope", "rope_theta": 10000.0,
        "partial_rotary_factor": rotary, "original_max_position_embeddings": switch,
        "short_factor": [1.0 + 0.05 * i for i in range(count)],
        "long_factor": [1.0 + 0.7 * i for i in range(count)],
    }  # fmt: skip
    return save_base(
        "phi", folder, num_attention_heads=1, num_key_value_heads=1,
        original_max_position_embeddings=switch, max_position_embeddings=2 * switch,
        partial_rotary_factor=rotary, rope_parameters=rope,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[1.0, 0.75], ids=["Phi 3.5", "Phi 4"])
def long_phi(request, tmp_path_factory):
    """The folder, its model and token ids of a long text."""
    folder = save_long_phi(tmp_path_factory.mktemp("phi") / "base", rotary=request.param)
    ids = hf_tokenize(load_tokenizer(folder))(" ".join(TEXTS) * 9, False)
    return folder, load_folder(folder), ids


@pytest.mark.slow
@pytest.mark.parametrize("scheme", onnx.SCHEMES)
def test_a_phi_computes_the_same_below_and_above_the_length_it_was_trained_on(
    long_phi, scheme, tmp_path
):
    """The second answer begins below the switch and ends above it."""
    folder, model, ids = long_phi
    out = model_onnx(folder, tmp_path / "out", scheme)
    for length in (300, SWITCH - 10, SWITCH + 100):
        scratch = tmp_path / str(length)
        scratch.mkdir()
        found = reference(model, [Probe(tuple(ids[:length]))], scratch)
        rung = measure(out, scheme, found)
        assert rung.mean_kl <= limit(scheme), length
        # Rounding makes another token the first of a random model, and all that follow others.
        assert scheme != "fp32" or rung.greedy == 1.0, length


def test_a_phi_with_the_length_of_the_published_ones_is_taken(tmp_path):
    assert check_buildable(save_long_phi(tmp_path / "base")) == []


def test_a_phi_with_another_length_is_refused_first(tmp_path, monkeypatch):
    """The runtime does not begin anew at that length: the answer goes wrong in the middle."""
    folder = save_long_phi(tmp_path / "base", switch=256)
    monkeypatch.setattr(onnx, "run_logged", None)
    (problem,) = check_buildable(folder)
    assert problem.startswith("the ONNX runtime takes the frequencies for long texts from 4096")
    assert "this model from 256" in problem
    with pytest.raises(ConfigError, match="this model from 256"):
        model_onnx(folder, tmp_path / "out", "fp32")


@pytest.mark.slow
def test_that_answer_still_goes_wrong(tmp_path, monkeypatch):
    """When this fails, the runtime has learnt it: take `_frequency_problems` away."""
    monkeypatch.setattr(onnx, "_LONG_FROM", 256)
    folder = save_long_phi(tmp_path / "base", switch=256)
    ids = hf_tokenize(load_tokenizer(folder))(" ".join(TEXTS), False)
    found = reference(load_folder(folder), [Probe(tuple(ids[:250]))], tmp_path)
    rung = measure(model_onnx(folder, tmp_path / "out", "fp32"), "fp32", found)
    assert rung.mean_kl <= TOLERANCES["fp32"].mean_kl
    assert rung.greedy < 0.5


def test_a_phi_whose_settings_do_not_name_the_kind_is_refused_first(tmp_path, edit_json):
    folder = save_long_phi(tmp_path / "base")
    rope = json.loads((folder / "config.json").read_text("utf-8"))["rope_parameters"]
    rope.pop("type")
    edit_json(folder / "config.json", rope_parameters=rope)
    (problem,) = check_buildable(folder)
    assert "rope_parameters.type" in problem
