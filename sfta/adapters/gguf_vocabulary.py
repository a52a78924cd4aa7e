"""A Hugging Face tokenizer from the vocabulary of a GGUF file.

GGUF names the pre-tokenizer (`tokenizer.ggml.pre`) instead of describing it, and the generic
conversion of transformers does not look at the name. Here each known name has its rules, so
the tokenizer gives the ids that llama.cpp gives, and the GGUF converter recognizes it again.

Rules: llama.cpp, src/llama-vocab.cpp and convert_hf_to_gguf_update.py.
"""

from typing import Any

from sfta_edge.errors import ConfigError

_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3 = _QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
PRE_TOKENIZERS = ("gpt-2", "llama-bpe", "qwen2", "smollm")
_CONTROL, _USER_DEFINED = 3, 4
_SPECIAL_IDS = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "pad_token": "padding_token_id",
}


def make_tokenizer(facts: dict[str, Any]) -> Any:
    """The fast tokenizer of a GGUF header.

    Args:
        facts: Header values by key, as read from the file.

    Returns:
        A `PreTrainedTokenizerFast` with special tokens and chat template.

    Raises:
        ConfigError: the vocabulary is of a kind that is not known here.
    """
    check_vocabulary(facts)
    from transformers import PreTrainedTokenizerFast

    tokens = facts["tokenizer.ggml.tokens"]
    named = {
        name: tokens[facts[f"tokenizer.ggml.{key}"]]
        for name, key in _SPECIAL_IDS.items()
        if f"tokenizer.ggml.{key}" in facts
    }
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=_backend(facts), clean_up_tokenization_spaces=False, **named
    )
    tokenizer.chat_template = facts.get("tokenizer.chat_template")
    length = facts.get(f"{facts['general.architecture']}.context_length")
    if length:
        tokenizer.model_max_length = length
    return tokenizer


def check_vocabulary(facts: dict[str, Any]) -> None:
    """Raise `ConfigError` unless this vocabulary can be rebuilt exactly."""
    kind = facts.get("tokenizer.ggml.model")
    pre = facts.get("tokenizer.ggml.pre")
    if kind != "gpt2" or pre not in PRE_TOKENIZERS:
        raise ConfigError(
            f"the GGUF file has a vocabulary of kind {kind!r} with pre-tokenizer {pre!r}",
            hint="Supported: gpt2 with "
            f"{', '.join(PRE_TOKENIZERS)}. Give the model's Hugging Face folder instead.",
        )


def _backend(facts: dict[str, Any]) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders
    from tokenizers.models import BPE

    tokens = facts["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in facts["tokenizer.ggml.merges"]]
    pre = facts["tokenizer.ggml.pre"]
    backend = Tokenizer(
        BPE(
            vocab={token: index for index, token in enumerate(tokens)},
            merges=merges,
            fuse_unk=False,
            byte_fallback=False,
            ignore_merges=pre == "llama-bpe",
        )
    )
    backend.pre_tokenizer = _pre_tokenizer(pre)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = _post_processor(facts)
    added = [
        AddedToken(token, special=kind == _CONTROL, normalized=False)
        for token, kind in zip(tokens, facts["tokenizer.ggml.token_type"], strict=True)
        if kind in (_CONTROL, _USER_DEFINED)
    ]
    backend.add_tokens(added)
    return backend


def _pre_tokenizer(name: str) -> Any:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    if name == "gpt-2":
        return ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "smollm":
        digits = Digits(individual_digits=True)
        return Sequence([digits, ByteLevel(add_prefix_space=False, use_regex=True)])
    words = Split(Regex(_QWEN2 if name == "qwen2" else _LLAMA3), behavior="isolated")
    return Sequence([words, ByteLevel(add_prefix_space=False, use_regex=False)])


def _post_processor(facts: dict[str, Any]) -> Any:
    from tokenizers import processors

    bytes_only = processors.ByteLevel(trim_offsets=False)
    if not facts.get("tokenizer.ggml.add_bos_token", False):
        return bytes_only
    index = facts["tokenizer.ggml.bos_token_id"]
    begin = facts["tokenizer.ggml.tokens"][index]
    template = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, index)]
    )
    return processors.Sequence([bytes_only, template])
