"""Settings of the base model and of fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from sfta.core.config import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ModelConfig(Section):
    """The model that learns."""

    base: str
    """Hub name, local folder, or `package://module/file.gguf` for a GGUF inside an installed
    Python package. Relative folders start at the recipe's."""


class LoraSettings(Section):
    """Low-rank update that training learns (arXiv 2106.09685)."""

    rank: PositiveInt = 16
    """Width of the update. Higher learns more and needs more memory."""
    alpha: PositiveInt = 32
    """Scale of the update, usually twice the rank."""
    dropout: Share = 0.0
    """Share of the update's inputs that is switched off at each step."""
    target_modules: list[str] = []
    """Linear layers that get an update, by name. Empty: all but the output head."""


class TrainConfig(Section):
    """Supervised fine-tuning on RAFT rows, loss on the completion only."""

    method: Literal["qlora", "lora"] = "qlora"
    """`qlora` trains on the base quantized to NF4 (arXiv 2305.14314), `lora` on the base in
    16 bits."""
    lora: LoraSettings = LoraSettings()
    """Shape of the adapter."""
    learning_rate: PositiveFloat = 4e-4
    """Peak learning rate, reached after warm-up and then lowered along a cosine."""
    warmup_share: Share = 0.06
    """Share of the steps in which the learning rate rises."""
    epochs: PositiveInt = 2
    """Passes over the training rows."""
    rows_per_step: PositiveInt = 16
    """Rows that make one optimizer step, about: packs are kept whole."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """Pull of the update towards zero."""
    max_gradient_norm: PositiveFloat = 1.0
    """Longer gradients are scaled down to this."""
    refusal_weight: PositiveFloat = 1.0
    """Weight of a refusal's tokens in the loss; an answer's tokens weigh 1."""
    context_tokens: PositiveInt = 4096
    """Longest prompt with its completion. Rows that need more are listed and left out."""
    too_long_share: Share = 0.02
    """More rows than this share over the limit stop the run."""
    validations: PositiveInt = 6
    """How often the validation loss is measured, the last time at the end."""
    checkpoint_minutes: PositiveFloat = 2.0
    """Least time between two checkpoints."""
