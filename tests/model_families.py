"""A tiny random model of each family that has a recipe, with the turns of its chat template."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Qwen 3 and SmolLM 3 open an answer with empty thoughts where none are wanted.
THOUGHTLESS = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% if enable_thinking is defined and not enable_thinking %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role"
    " + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
PHI = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
# No system role: its text goes into the first user turn.
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ '<start_of_turn>'"
    " + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim"
    " + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
_SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,
}


@dataclass(frozen=True)
class Family:
    """Configuration class, its own settings, and how its turns are spelled."""

    config: Any
    template: str
    end: str
    turns: tuple[str, ...]
    """Special tokens of the template."""
    settings: dict[str, Any] = field(default_factory=dict)


_IM = ("<|im_start|>", "<|im_end|>")
FAMILIES = {
    "smollm2": Family(LlamaConfig, CHATML, "<|im_end|>", _IM, {"tie_word_embeddings": True}),
    # Every second layer without positions, as the real one has every fourth.
    "smollm3": Family(SmolLM3Config, THOUGHTLESS, "<|im_end|>", (*_IM, "<think>", "</think>"),
                      {"no_rope_layers": [1, 0], "tie_word_embeddings": True}),
    "qwen2.5": Family(Qwen2Config, CHATML, "<|im_end|>", _IM, {"tie_word_embeddings": True}),
    "qwen3": Family(Qwen3Config, THOUGHTLESS, "<|im_end|>", (*_IM, "<think>", "</think>"),
                    {"head_dim": 32, "tie_word_embeddings": True}),
    "llama3.2": Family(LlamaConfig, LLAMA, "<|eot_id|>",
                       ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
                       {"tie_word_embeddings": True, "rope_theta": 500000.0}),
    # Query, key and value are one matrix; the output head is its own.
    "phi": Family(Phi3Config, PHI, "<|end|>",
                  ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
                  {"pad_token_id": 0}),
    # Layers with a window of 24 tokens, and one that sees all.
    "gemma3": Family(Gemma3TextConfig, GEMMA, "<end_of_turn>",
                     ("<start_of_turn>", "<end_of_turn>"),
                     {"head_dim": 16, "sliding_window": 24, "query_pre_attn_scalar": 16,
                      "layer_types": ["sliding_attention", "full_attention"]}),
}  # fmt: skip


def save_base(name, folder, **settings):
    """Write a random model of a family, in the form that the hub has them.

    `settings` of its configuration stand before the family's own.
    """
    family = FAMILIES[name]
    letters = {letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}
    words = Tokenizer(BPE(letters, []))
    words.pre_tokenizer, words.decoder = ByteLevel(add_prefix_space=False), ByteDecoder()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        additional_special_tokens=["<s>", *family.turns],
        bos_token="<s>",
        eos_token=family.end,
    )
    tokenizer.chat_template = family.template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    end = tokenizer.convert_tokens_to_ids(family.end)
    config = family.config(
        vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=end,
        **{"pad_token_id": None, **_SHAPE, **family.settings, **settings},
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    return folder


# llama.cpp knows the layers of a family by its name: every fourth of SmolLM 3 without positions,
# every sixth of Gemma 3 without a window.
_AS_PUBLISHED: dict[str, dict[str, Any]] = {
    "smollm3": {"num_hidden_layers": 4, "no_rope_layers": [1, 1, 1, 0]},
    "gemma3": {
        "num_hidden_layers": 6,
        "layer_types": [*["sliding_attention"] * 5, "full_attention"],
    },
}


def save_family(name, folder, tokenizer, *, as_published=True):
    """The same with a vocabulary that the GGUF converter knows, such as SmolLM2's.

    With the kinds of layers in the order of the published models, or in one of its own.
    """
    family = FAMILIES[name]
    words = copy.deepcopy(tokenizer)
    words.add_special_tokens({"additional_special_tokens": list(family.turns)})
    words.chat_template = family.template
    words.save_pretrained(folder)
    if name == "phi":
        # By this the converter tells Phi 4, with words of bytes, from Phi 3.
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text("utf-8")) | {"tokenizer_class": "GPT2Tokenizer"}
        path.write_text(json.dumps(settings), "utf-8")
    torch.manual_seed(0)
    end = words.convert_tokens_to_ids(family.end)
    # Of random models only calm ones keep their most probable token in a few bits.
    settings = {"pad_token_id": None, **_SHAPE, "initializer_range": 0.08, **family.settings}
    settings |= _AS_PUBLISHED.get(name, {}) if as_published else {}
    config = family.config(
        vocab_size=len(words), bos_token_id=words.bos_token_id, eos_token_id=end, **settings
    )
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    return folder
