"""Every family that has a recipe climbs the ladder: adapter, merged, 16 bits, 8 and 4 bits.

Tiny random models with the vocabulary of SmolLM2, whose pre-tokenizer the converter knows, and
the turns of the family's own template.
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

pytestmark = pytest.mark.tools
# A tokenizer of Qwen 2's own class cuts words by rules that the converter knows by the ids of the
# real vocabulary only.
CLIMBING = [name for name in FAMILIES if name != "qwen2.5"]


@pytest.fixture(scope="module", params=CLIMBING)
def family(request, tokenizer, tmp_path_factory):
    """Base, adapter and merged model of a family."""
    folder = tmp_path_factory.mktemp(request.param.replace(".", "-"))
    base = save_family(request.param, folder / "base", tokenizer)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(3)
    wrapped = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    )
    for name, value in wrapped.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.05)
    wrapped.save_pretrained(folder / "adapter")
    (folder / "merged").mkdir()
    merge(base, folder / "adapter", folder / "merged")
    return folder


def test_a_family_climbs_the_ladder(family, cache, tmp_path):
    merged = family / "merged"
    tokenizer = AutoTokenizer.from_pretrained(merged)
    contract, tokenize = make_contract(tokenizer, PromptConfig()), hf_tokenize(tokenizer)
    exact = lossless_scheme(merged)
    files = {scheme: model_gguf(merged, cache, scheme) for scheme in (exact, "Q8_0", "Q4_0")}
    trained = Trained(family / "base", family / "adapter", as_trained=True)
    record = check_ladder(
        merged, files, contract, tokenize, probe_prompts(contract, tokenize), trained=trained
    )
    divergences = [rung["mean_kl"] for rung in record["rungs"]]
    assert [rung["scheme"] for rung in record["rungs"]] == ["adapter", exact, "Q8_0", "Q4_0"]
    assert divergences[1] < divergences[2] < divergences[3]


@pytest.mark.parametrize("name", ["smollm3", "gemma3"])
def test_layers_in_another_order_than_the_runtime_assumes_are_found(
    name, tokenizer, contract, cache, tmp_path
):
    """The file loads and writes fluent nonsense; nothing in it says how its layers differ."""
    base = save_family(name, tmp_path / "base", tokenizer, as_published=False)
    files = {"F16": model_gguf(base, cache, "F16")}
    tokenize = hf_tokenize(AutoTokenizer.from_pretrained(base))
    with pytest.raises(IntegrityError, match="parity of F16 fails"):
        check_ladder(base, files, contract, tokenize, probe_prompts(contract, tokenize))


def test_every_file_ends_a_turn_and_carries_the_template(family, cache):
    merged = family / "merged"
    facts = verify_gguf(model_gguf(merged, cache, "Q8_0"), merged)
    assert facts.end_tokens
    assert facts.chat_template_sha256


def test_another_chat_template_than_the_folders_is_refused(family, cache):
    """As if the template had been changed after the file was made."""
    merged = family / "merged"
    path = model_gguf(merged, cache, "Q8_0")
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


def test_the_name_of_the_file_is_that_of_the_architecture(family, cache):
    model = Model(model_gguf(family / "merged", cache, "Q8_0"))
    named = json.loads((family / "merged" / "config.json").read_text())["model_type"]
    assert model.metadata("general.architecture") == named.removesuffix("_text")
    model.close()
