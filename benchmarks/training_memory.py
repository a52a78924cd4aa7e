"""Memory and work that training needs, estimated for the recipes in `configs/slm`.

    python benchmarks/training_memory.py [--tflops 50] [--rows 2000]

Shapes are the published ones of each model; no weight is loaded. Memory is what the preflight of
`sfta train` says on a GPU for a pack of ten rows over four chunks; "with less" is QLoRA with
`activation_checkpointing`, which takes a third more time. Time is floating-point work over
the given rate, which a GPU reaches in practice rather than at its peak: 4 per weight and token for
an adapter. Nothing here was measured on a GPU.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from sfta.recipe import load_recipe
from sfta.training.memory import GIB, ModelShape, estimate
from sfta.training.model import Precision
from sfta.training.packing import Pack
from sfta.training.rows import EncodedRow

RECIPES = Path(__file__).parents[1] / "configs/slm"
GPU = Precision("bfloat16", "assumed", "cuda")
CONTEXT, QUESTION, COMPLETION, ROWS = 1300, 30, 60, 10
WAYS: list[dict[str, Any]] = [
    {"method": "qlora"}, {"method": "qlora", "activation_checkpointing": True},
    {"method": "lora"}, {"method": "full"},
]  # fmt: skip
_WORK_PER_WEIGHT = 4  # forward, and backward to the inputs; frozen weights get no gradient


def shape_of(kind: Any, layers: int, vocabulary: int, sizes: tuple[int, int, int, int],
             **more: Any) -> ModelShape:  # fmt: skip
    """The shape of a model, built without memory.

    Args:
        kind: its configuration class.
        layers: how many.
        vocabulary: tokens.
        sizes: hidden, inner, heads, and heads for keys and values.
        more: further settings of the class.
    """
    hidden, inner, heads, shared = sizes
    config = kind(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=shared, vocab_size=vocabulary,
        **{"tie_word_embeddings": True, "pad_token_id": None, **more},
    )  # fmt: skip
    build: Any = AutoModelForCausalLM.from_config
    with torch.device("meta"):
        weights = dict(build(config).named_parameters())
    linear = tuple(
        (name.removesuffix(".weight"), *value.shape)
        for name, value in weights.items()
        if value.dim() == 2 and ".layers." in name
    )
    count = sum(value.numel() for value in weights.values())
    return ModelShape(count, linear, layers, hidden, inner, heads, vocabulary)


def shapes() -> dict[str, ModelShape]:
    """By name of the recipe."""
    return {
        "smollm2-1.7b": shape_of(LlamaConfig, 24, 49152, (2048, 8192, 32, 32)),
        "smollm3-3b": shape_of(SmolLM3Config, 36, 128256, (2048, 11008, 16, 4)),
        "qwen2.5-1.5b": shape_of(Qwen2Config, 28, 151936, (1536, 8960, 12, 2)),
        "qwen3-1.7b": shape_of(Qwen3Config, 28, 151936, (2048, 6144, 16, 8), head_dim=128),
        "llama-3.2-3b": shape_of(LlamaConfig, 28, 128256, (3072, 8192, 24, 8), head_dim=128),
        "phi-3.5-mini": shape_of(Phi3Config, 32, 32064, (3072, 8192, 32, 32),
                                 tie_word_embeddings=False),
        "phi-4-mini": shape_of(Phi3Config, 32, 200064, (3072, 8192, 24, 8)),
        "gemma-3-1b": shape_of(Gemma3TextConfig, 26, 262144, (1152, 6912, 4, 1), head_dim=256),
    }  # fmt: skip


def pack() -> Pack:
    """Ten rows over four chunks of 256 tokens."""
    row = EncodedRow("r", (1,) * CONTEXT, (1,) * QUESTION, (1,) * COMPLETION, refusal=False)
    return Pack((row,) * ROWS)


def main() -> None:
    """Print a line for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tflops", type=float, default=50.0, help="work a second, in 10^12")
    parser.add_argument("--rows", type=int, default=2000)
    options = parser.parse_args()
    print(f"{'recipe':14} {'weights':>8} {'QLoRA':>10} {'with less':>10} {'LoRA':>10} {'full':>10}"
          f" {'minutes':>8}")  # fmt: skip
    for name, shape in shapes().items():
        config = load_recipe(RECIPES / f"{name}.yaml").train
        memory = [
            estimate(shape, config.model_copy(update=change), GPU, [pack()]).total
            for change in WAYS
        ]
        tokens = pack().tokens * options.rows / ROWS * config.epochs
        minutes = _WORK_PER_WEIGHT * shape.parameters * tokens / (options.tflops * 1e12) / 60
        figures = " ".join(f"{bytes_ / GIB:6.1f} GiB" for bytes_ in memory)
        print(f"{name:14} {shape.parameters / 1e9:6.2f} G {figures} {minutes:8.1f}")


if __name__ == "__main__":
    main()
