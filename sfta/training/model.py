"""The base model as training needs it: quantized or not, with a fresh adapter."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from sfta.training import attention
from sfta.training.config import LoraSettings, TrainConfig
from sfta_edge.errors import ConfigError
from sfta_export.nf4 import QuantizedBase


@dataclass(frozen=True, slots=True)
class Precision:
    """Number format of the computation, and why it was chosen."""

    name: str
    """`bfloat16`, `float16` or `float32`."""
    reason: str
    device: str
    """`cpu` or `cuda`."""

    @property
    def dtype(self) -> torch.dtype:
        """The torch type."""
        dtype: torch.dtype = getattr(torch, self.name)
        return dtype

    def facts(self) -> dict[str, str]:
        """For the record."""
        return asdict(self)


def choose_precision(device: str) -> Precision:
    """Pick device and number format by what the hardware computes fast.

    Raises:
        ConfigError: a GPU was asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("there is no CUDA device", hint="Use --device cpu or auto.")
    if device != "cpu" and torch.cuda.is_available():
        if torch.cuda.is_bf16_supported():
            return Precision("bfloat16", "the GPU computes in bfloat16", "cuda")
        return Precision("float16", "the GPU has no bfloat16", "cuda")
    if torch.cpu._is_avx512_bf16_supported():  # noqa: SLF001 torch offers no public question
        return Precision("bfloat16", "the CPU has AVX512-BF16 instructions", "cpu")
    return Precision("float32", "the CPU has no bfloat16 instructions", "cpu")


def load_student(base: Path, config: TrainConfig, precision: Precision, *, seed: int) -> Any:
    """The base model, frozen, with an adapter that changes nothing yet."""
    torch.manual_seed(seed)
    options: dict[str, Any] = {}
    if config.method == "qlora":
        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=precision.dtype,
        )
    model = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=precision.dtype,
        attn_implementation=attention.NAME,
        device_map={"": precision.device},
        local_files_only=True,
        trust_remote_code=False,
        **options,
    )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    module: Any
    for module in model.modules():
        # At the first validation bitsandbytes packs weights for CPUs with AVX512-BF16, and
        # packed weights pass no gradient on: only the last layer would go on learning.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    model.config.use_cache = False
    return get_peft_model(model, lora_config(config.lora))


def quantized_base(model: Any) -> QuantizedBase | None:
    """Which base weights the model reads in 4 bits; None if it reads all in 16."""
    from bitsandbytes.nn.modules import Linear4bit

    layers: dict[str, Any] = {
        _base_name(name): layer
        for name, layer in model.named_modules()
        if isinstance(layer, Linear4bit)
    }
    if not layers:
        return None
    state = next(iter(layers.values())).weight.quant_state
    return QuantizedBase(tuple(sorted(layers)), state.blocksize, state.nested)


def _base_name(module: str) -> str:
    """A weight's name in the base model, from the module that PEFT has wrapped."""
    return module.removeprefix("base_model.model.").removesuffix(".base_layer") + ".weight"


def lora_config(settings: LoraSettings) -> LoraConfig:
    """PEFT's form of the adapter settings."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules or "all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )
