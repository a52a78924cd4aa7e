"""Merged and exported artifacts of each family, with a vocabulary that the converter knows."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, GenerationConfig

from model_families import _SHAPE, FAMILIES
from sfta.adapters.contract import make_contract
from sfta.adapters.gguf_vocabulary import make_tokenizer
from sfta.adapters.gguf_weights import read_facts
from sfta.core.artifact import Artifact, writing
from sfta.raft.config import PromptConfig
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_export.converter import convert


@dataclass(frozen=True)
class HandedModel:
    """One family as `sfta merge` and `sfta export` leave it."""

    merged: Artifact
    exported: Artifact
    contract: PromptContract
    tokenizer: object

    @property
    def gguf(self):
        return self.exported.path / "model-F16.gguf"


def save_family(name, runs, packaged, cache):
    """Write both artifacts below a runs folder."""
    tokenizer = family_tokenizer(name, packaged)
    contract = make_contract(tokenizer, PromptConfig())
    facts = {"settings": {"model": {"base": "gone/model"}}}
    with writing(runs / "merge" / name, "model", dict(facts)) as out:
        family_model(name, tokenizer).save_pretrained(out)
        tokenizer.save_pretrained(out)
        (out / PROMPT_FILE).write_bytes(contract.to_bytes())
    merged = Artifact.open(runs / "merge" / name)
    facts |= {"inputs": {"model": merged.digest}}
    with writing(runs / "export" / name, "gguf", facts) as out:
        convert(merged.path, out / "model-F16.gguf", name=name, licence="mit", cache=cache)
        (out / PROMPT_FILE).write_bytes(contract.to_bytes())
    return HandedModel(merged, Artifact.open(runs / "export" / name), contract, tokenizer)


def family_tokenizer(name, packaged: Path):
    """The vocabulary of SmolLM2 with the control tokens and the template of a family."""
    family = FAMILIES[name]
    tokenizer = make_tokenizer(read_facts(packaged))
    added = [AddedToken(t, special=True, normalized=False) for t in ("<s>", *family.turns)]
    tokenizer.add_special_tokens({"additional_special_tokens": added})
    tokenizer.bos_token, tokenizer.eos_token = "<s>", family.end
    tokenizer.chat_template = family.template
    return tokenizer


def family_model(name, tokenizer):
    """Random weights, spread so that tokens differ."""
    family = FAMILIES[name]
    torch.manual_seed(0)
    end = tokenizer.eos_token_id
    config = family.config(
        vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=end,
        **{"pad_token_id": None, **_SHAPE, **family.settings},
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    model.generation_config = GenerationConfig(eos_token_id=end, do_sample=False)
    return model
