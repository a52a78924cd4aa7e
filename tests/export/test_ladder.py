"""A ladder is climbed rung by rung; the first that does not hold is named."""

import shutil

import pytest

from sfta.adapters.hub import hf_tokenize
from sfta_edge.errors import IntegrityError
from sfta_export import ladder
from sfta_export.gguf import model_gguf
from sfta_export.ladder import Trained, check_ladder
from sfta_export.merge import merge
from sfta_export.parity import probe_prompts
from sfta_export.probes import TEXTS
from sfta_export.quantized_base import QuantizedBase
from tests.export.test_reference import save_adapter

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def tokenize(tokenizer):
    return hf_tokenize(tokenizer)


@pytest.fixture
def climb(contract, tokenize):
    def run(model, files, **options):
        return check_ladder(
            model, files, contract, tokenize, probe_prompts(contract, tokenize), **options
        )

    return run


@pytest.fixture(scope="module")
def trained(model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    adapter = save_adapter(model_dir, folder / "adapter")
    (folder / "model").mkdir()
    merge(model_dir, adapter, folder / "model")
    return folder


def test_a_file_of_another_model_fails_by_the_name_of_its_rung(
    build_model, f16, climb, tmp_path
):
    """The tokenizer is the same, the weights are not."""
    other = build_model(tmp_path / "other", seed=99)
    shutil.copyfile(f16, tmp_path / "a.gguf")
    with pytest.raises(IntegrityError, match="parity of Q8_0 fails") as caught:
        climb(other, {"Q8_0": tmp_path / "a.gguf"})
    assert caught.value.hint


def test_the_record_names_every_rung_with_its_limit_and_leaves_no_scratch(
    model_dir, f16, climb, tmp_path
):
    shutil.copyfile(f16, tmp_path / "a.gguf")
    record = climb(model_dir, {"F16": tmp_path / "a.gguf"})
    (rung,) = record["rungs"]
    assert rung["scheme"] == "F16"
    assert rung["mean_kl"] <= rung["tolerance"]["mean_kl"]
    assert rung["greedy"] >= rung["tolerance"]["greedy"]
    assert record["token_texts"] > 2 * len(TEXTS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]


def test_the_first_rung_is_the_adapter_as_it_was_trained(model_dir, trained, cache, climb):
    merged = trained / "model"
    files = {"F16": model_gguf(merged, cache, "F16")}
    whole = Trained(model_dir, trained / "adapter", as_trained=True)
    record = climb(merged, files, trained=whole)
    assert [rung["scheme"] for rung in record["rungs"]] == ["adapter", "F16"]
    assert record["rungs"][0]["mean_kl"] < 1e-3


def test_a_model_merged_from_another_adapter_fails_at_the_first_rung(
    model_dir, trained, cache, climb, tmp_path
):
    other = save_adapter(model_dir, tmp_path / "adapter", seed=77)
    merged = trained / "model"
    files = {"F16": model_gguf(merged, cache, "F16")}
    with pytest.raises(IntegrityError, match="parity of adapter fails"):
        climb(merged, files, trained=Trained(model_dir, other, as_trained=True))


def quantized_as(folder, scheme):
    QuantizedBase(("x",), 64, double=True, scheme=scheme).write(folder)
    return folder


@pytest.mark.parametrize("scheme", ["nf4", "int8"])
def test_an_adapter_on_the_original_base_may_be_further_away(tmp_path, scheme):
    folder = quantized_as(tmp_path, scheme)
    same = ladder._limit(Trained(tmp_path, folder, as_trained=True))
    other = ladder._limit(Trained(tmp_path, folder, as_trained=False))
    assert other.mean_kl > same.mean_kl
    assert other.top1 < same.top1


def test_an_adapter_of_a_base_in_16_bits_has_no_other_base_to_be_merged_into(tmp_path):
    one, two = (ladder._limit(Trained(tmp_path, tmp_path, flag)) for flag in (True, False))
    assert one == two == ladder._AS_TRAINED
