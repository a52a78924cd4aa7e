"""Shapes of known models, for estimates."""

from sfta.training.memory import ModelShape

SHAPE = ModelShape(
    parameters=1_235_814_400,
    linear=tuple((f"model.layers.{n}.mlp.up_proj", 8192, 2048) for n in range(58)),
    layers=16, hidden=2048, inner=8192, heads=32, vocabulary=128_256,
)  # fmt: skip
"""Llama 3.2 1B, about."""
