"""A 16-bit Hugging Face folder from a GGUF file, once.

Some small models are published as GGUF only. Training and merging need safetensors, so the
weights are dequantized. Float16 keeps them best: a Q4_1 weight is the sum of a float16 and a
product with a float16, and rounding SmolLM2-135M's weights loses 1.9e-4 of their norm in
float16 and 1.4e-3 in bfloat16; the largest is 9.3, so nothing overflows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sfta.adapters.gguf_vocabulary import check_vocabulary, make_tokenizer
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError

REVISION = 1
"""Raise it when the same file gives another folder."""
_TEMPLATE_TOKENS = ("<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>")
_LARGEST_FLOAT16 = 65504.0


def read_facts(path: Path) -> dict[str, Any]:
    """Header values of a GGUF file by key.

    Raises:
        MissingDependencyError: the package `gguf` is not installed.
        IntegrityError: the file is no GGUF or is cut short.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise MissingDependencyError(
            "reading a GGUF file needs the package gguf", hint="pip install gguf"
        ) from error
    try:
        reader = GGUFReader(path)
        return {key: field.contents() for key, field in reader.fields.items()}
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise IntegrityError(f"{path} is not a readable GGUF file: {error}") from error


def check_supported(facts: dict[str, Any]) -> None:
    """Raise `ConfigError` unless transformers can load this architecture from GGUF."""
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    architecture = facts.get("general.architecture")
    if architecture not in GGUF_SUPPORTED_ARCHITECTURES:
        known = ", ".join(sorted(GGUF_SUPPORTED_ARCHITECTURES))
        raise ConfigError(
            f"a GGUF file of architecture {architecture!r} cannot be dequantized",
            hint=f"Supported: {known}. Give the model's Hugging Face folder instead.",
        )
    check_vocabulary(facts)


def dequantize(path: Path, out: Path) -> None:
    """Write weights, configuration and tokenizer of a GGUF file as a Hugging Face folder.

    Raises:
        ConfigError: architecture or vocabulary is not supported.
        IntegrityError: the file is damaged.
    """
    facts = read_facts(path)
    check_supported(facts)
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    with _quiet():
        model = AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=torch.float16,
            quantization_config=GgufConfig(gguf_file=path.name, dequantize=True),
            local_files_only=True,
        )
        _check_weights(model, path)
        tokenizer = make_tokenizer(facts)
        # What is written is a plain model: nothing says that it was quantized once.
        for name in ("quantization_config", "_model_name_or_path"):
            vars(model.config).pop(name, None)
        model.generation_config = _generation_config(facts, tokenizer)
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars that transformers draws over the caller's own progress."""
    import transformers.modeling_gguf_pytorch_utils
    import transformers.utils.logging

    logging: Any = transformers.utils.logging
    reading: Any = transformers.modeling_gguf_pytorch_utils
    shown, bar = logging.is_progress_bar_enabled(), reading.tqdm
    logging.disable_progress_bar()
    reading.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        reading.tqdm = bar
        if shown:
            logging.enable_progress_bar()


def _check_weights(model: Any, path: Path) -> None:
    for name, value in model.state_dict().items():
        if not bool((value.abs() <= _LARGEST_FLOAT16).all()):
            raise IntegrityError(
                f"{path.name}: {name} holds weights that are no finite float16"
            )


def _generation_config(facts: dict[str, Any], tokenizer: Any) -> Any:
    """Greedy, ending at the file's end token and at any other end-of-turn token it has."""
    from transformers import GenerationConfig

    named = [
        facts[f"tokenizer.ggml.{kind}_token_id"]
        for kind in ("eos", "eot")
        if f"tokenizer.ggml.{kind}_token_id" in facts
    ]
    vocabulary = tokenizer.get_vocab()
    others = [vocabulary[token] for token in _TEMPLATE_TOKENS if token in vocabulary]
    return GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=list(dict.fromkeys([*named, *others])),
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
    )
