"""What a folder's model computes, merged or with its adapter beside it, and what it writes."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from sfta.adapters.hub import hf_tokenize
from sfta_export import reference as module
from sfta_export.merge import merge
from sfta_export.parity import compare_references, probe_prompts
from sfta_export.quantized_base import QuantizedBase
from sfta_export.reference import (
    POSITIONS,
    WRITTEN,
    Probe,
    load_folder,
    load_trained,
    reference,
)


@pytest.fixture(scope="module")
def probes(contract, tokenizer):
    return probe_prompts(contract, hf_tokenize(tokenizer))


def save_adapter(model_dir, folder, seed=5):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    wrapped = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    )
    for name, value in wrapped.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.05)
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(model_dir, tmp_path_factory):
    return save_adapter(model_dir, tmp_path_factory.mktemp("adapter"))


def linear_weights(model_dir):
    model = AutoModelForCausalLM.from_pretrained(model_dir)
    return tuple(
        sorted(
            f"{name}.weight"
            for name, layer in model.named_modules()
            if isinstance(layer, torch.nn.Linear) and name != "lm_head"
        )
    )


def test_logits_are_those_of_the_last_positions(model_dir, probes, tmp_path):
    model = load_folder(model_dir)
    found = reference(model, probes[:1], tmp_path)
    ids = torch.tensor([list(probes[0].ids)])
    with torch.inference_mode():
        exact = model(input_ids=ids).logits[0, -POSITIONS:].numpy()
    assert np.array_equal(found.logits[0], exact)


def test_answers_written_together_are_those_written_alone(model_dir, probes, tmp_path):
    """Prompts of several lengths are filled up, which must change nothing."""
    model = load_folder(model_dir)
    uneven = [probes[0], Probe(probes[1].prompt[40:]), Probe(probes[2].prompt[:90])]
    together = reference(model, uneven, tmp_path).written
    for probe, written in zip(uneven, together, strict=True):
        with torch.inference_mode():
            ids = list(probe.prompt)
            for token in written:
                assert int(model(torch.tensor([ids])).logits[0, -1].argmax()) == token
                ids.append(token)
        assert len(written) <= WRITTEN


def test_an_answer_ends_before_the_end_of_the_turn(model_dir, probes, tmp_path):
    model = load_folder(model_dir)
    first = reference(model, probes[:1], tmp_path).written[0]
    model.generation_config.eos_token_id = [first[2], 0]
    (tmp_path / "again").mkdir()
    assert reference(model, probes[:1], tmp_path / "again").written[0] == first[:2]


def test_an_adapter_beside_its_base_is_the_merged_model(
    model_dir, adapter, probes, tmp_path, recwarn
):
    (tmp_path / "merged").mkdir()
    merge(model_dir, adapter, tmp_path / "merged")
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    merged = reference(load_folder(tmp_path / "merged"), probes, one)
    beside = reference(load_trained(model_dir, adapter), probes, two)
    rung = compare_references("adapter", merged, beside)
    assert rung.mean_kl < 1e-4
    assert rung.top1 > 0.99


@pytest.mark.parametrize(("scheme", "times"), [("nf4", 10), ("int8", 1.5)])
def test_an_adapter_on_a_quantized_base_is_what_merging_as_trained_gives(
    model_dir, adapter, probes, tmp_path, scheme, times
):
    """Of int8 what is left is the rounding of activations, which a merged model has not."""
    names = linear_weights(model_dir)
    facts = QuantizedBase(names, 64 if scheme == "nf4" else 0, double=False, scheme=scheme)
    copy = tmp_path / "adapter"
    copy.mkdir()
    for path in adapter.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    facts.write(copy)
    folders = {name: tmp_path / name for name in ("merged", "plain", "one", "two", "three")}
    for folder in folders.values():
        folder.mkdir()
    merge(model_dir, copy, folders["merged"], quantized=facts)
    merge(model_dir, copy, folders["plain"])
    trained = reference(load_trained(model_dir, copy), probes, folders["one"])
    merged = reference(load_folder(folders["merged"]), probes, folders["two"])
    plain = reference(load_folder(folders["plain"]), probes, folders["three"])
    same = compare_references("adapter", merged, trained)
    other = compare_references("adapter", plain, trained)
    assert same.mean_kl < other.mean_kl / times


def test_a_model_that_does_not_fit_in_float32_runs_in_its_own_format(model_dir, monkeypatch):
    monkeypatch.setattr(module, "free_memory", lambda: 1)
    assert load_folder(model_dir).dtype == torch.float16
