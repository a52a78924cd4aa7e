"""Every family that has a recipe climbs the ladder: adapter, merged, 16 bits, 8 and 4 bits.

Tiny random models with the vocabulary of SmolLM2, whose pre-tokenizer the converter knows, and
the turns of the family's own template; Qwen 2.5 with words cut by its own rules.
"""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from model_families import FAMILIES, save_family
from sfta.adapters.contract import make_contract
from sfta.adapters.hub import hf_tokenize
from sfta.raft.config import PromptConfig
from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_edge.model import Model
from sfta_export.gguf import check_convertible, lossless_scheme, model_gguf, verify_gguf
from sfta_export.ladder import Trained, check_ladder
from sfta_export.merge import merge
from sfta_export.parity import probe_prompts
from taught_converter import teach

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module", params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def converting(name, family, tools, cache, tmp_path_factory):
    """A cache with the tools; for Qwen 2.5 with a converter that was taught its vocabulary.

    Transformers cuts words for a Qwen 2 by its own rules, whatever the folder's file says.
    """
    if name != "qwen2.5":
        return cache
    return teach(tools, tmp_path_factory.mktemp("taught") / "cache", family / "base", "qwen2")


@pytest.fixture(scope="module")
def family(name, tokenizer, tmp_path_factory):
    """Base, adapter and merged model of a family."""
    folder = tmp_path_factory.mktemp(name.replace(".", "-"))
    base = save_family(name, folder / "base", tokenizer)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(3)
    wrapped = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    )
    for key, value in wrapped.named_parameters():
        if "lora_" in key:
            torch.nn.init.normal_(value, std=0.05)
    wrapped.save_pretrained(folder / "adapter")
    (folder / "merged").mkdir()
    merge(base, folder / "adapter", folder / "merged")
    return folder


def test_a_family_climbs_the_ladder(family, converting):
    merged = family / "merged"
    tokenizer = AutoTokenizer.from_pretrained(merged)
    contract, tokenize = make_contract(tokenizer, PromptConfig()), hf_tokenize(tokenizer)
    exact = lossless_scheme(merged)
    files = {
        scheme: model_gguf(merged, converting, scheme) for scheme in (exact, "Q8_0", "Q4_0")
    }
    trained = Trained(family / "base", family / "adapter", as_trained=True)
    record = check_ladder(
        merged, files, contract, tokenize, probe_prompts(contract, tokenize), trained=trained
    )
    divergences = [rung["mean_kl"] for rung in record["rungs"]]
    assert [rung["scheme"] for rung in record["rungs"]] == ["adapter", exact, "Q8_0", "Q4_0"]
    assert divergences[1] < divergences[2] < divergences[3]


@pytest.mark.parametrize("other", ["smollm3", "gemma3"])
def test_layers_in_another_order_than_the_runtime_assumes_are_found(
    other, tokenizer, contract, cache, tmp_path
):
    """The file loads and writes fluent nonsense; nothing in it says how its layers differ."""
    base = save_family(other, tmp_path / "base", tokenizer, as_published=False)
    files = {"F16": model_gguf(base, cache, "F16")}
    tokenize = hf_tokenize(AutoTokenizer.from_pretrained(base))
    with pytest.raises(IntegrityError, match="parity of F16 fails"):
        check_ladder(base, files, contract, tokenize, probe_prompts(contract, tokenize))


def test_every_file_ends_a_turn_and_carries_the_template(family, converting):
    merged = family / "merged"
    facts = verify_gguf(model_gguf(merged, converting, "Q8_0"), merged)
    assert facts.end_tokens
    assert facts.chat_template_sha256


def test_another_chat_template_than_the_folders_is_refused(family, converting):
    """As if the template had been changed after the file was made."""
    merged = family / "merged"
    path = model_gguf(merged, converting, "Q8_0")
    template = merged / "chat_template.jinja"
    before = template.read_text()
    template.write_text(before + " ")
    try:
        with pytest.raises(IntegrityError, match="another chat template"):
            verify_gguf(path, merged)
    finally:
        template.write_text(before)


def test_a_vocabulary_that_the_converter_does_not_know_is_said_before_anything_is_made(
    cache, tmp_path
):
    from model_families import save_base

    folder = save_base("smollm2", tmp_path / "base")
    (problem,) = check_convertible(folder, cache)
    assert "pre-tokenizer was not recognized" in problem
    with pytest.raises((ToolError, ConfigError)):
        model_gguf(folder, cache, "Q8_0")


def test_the_name_of_the_file_is_that_of_the_architecture(family, converting):
    model = Model(model_gguf(family / "merged", converting, "Q8_0"))
    named = json.loads((family / "merged" / "config.json").read_text())["model_type"]
    assert model.metadata("general.architecture") == named.removesuffix("_text")
    model.close()
