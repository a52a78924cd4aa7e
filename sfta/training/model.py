"""The base model as training needs it: quantized or not, with a fresh adapter or without one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from sfta.training import attention
from sfta.training.config import LoraSettings, TrainConfig
from sfta_edge.errors import ConfigError
from sfta_export.merge import WEIGHTS
from sfta_export.quantized_base import QuantizedBase
from sfta_export.tensors import list_tensors, write_tensors

ADAPTER_WEIGHTS = "adapter_model.safetensors"
_DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


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


def load_student(
    base: Path,
    config: TrainConfig,
    precision: Precision,
    *,
    seed: int,
    start_from: Path | None = None,
) -> Any:
    """The base model, frozen, with an adapter; or all of it, to train.

    The adapter changes nothing yet, or is the one in the folder `start_from`.
    """
    torch.manual_seed(seed)
    options: dict[str, Any] = {}
    if config.method == "qlora":
        options["quantization_config"] = quantization_of(config, precision)
    # Steps of a full training are too small for 16 bits; autocast computes in them all the same.
    model = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=torch.float32 if config.method == "full" else precision.dtype,
        attn_implementation=attention.NAME,
        device_map={"": precision.device},
        local_files_only=True,
        trust_remote_code=False,
        **options,
    )
    model.config.use_cache = False
    if config.method == "full":
        return model
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    module: Any
    for module in model.modules():
        # At the first validation bitsandbytes packs weights for CPUs with AVX512-BF16, and
        # packed weights pass no gradient on: only the last layer would go on learning.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    student = get_peft_model(model, lora_config(config.lora))
    if start_from is not None:
        set_peft_model_state_dict(student, load_file(start_from / ADAPTER_WEIGHTS))
    return student


def start_problems(folder: Path, settings: LoraSettings) -> list[str]:
    """Why an adapter cannot be gone on from; one sentence per problem."""
    try:
        known = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        return [f"train.start_from: {folder} is no adapter: {error}"]
    wanted = lora_config(settings)
    names = ("r", "lora_alpha", "use_dora", "use_rslora")
    return [
        f"train.start_from: the adapter has {name} = {known.get(name)}, the recipe "
        f"{getattr(wanted, name)}"
        for name in names
        if (known.get(name) or False) != (getattr(wanted, name) or False)
    ]


def quantization_of(config: TrainConfig, precision: Precision) -> BitsAndBytesConfig:
    """How `qlora` keeps the base, as transformers takes it."""
    if config.quantization == "int8":
        # Without a threshold: which columns are kept apart would depend on what is read.
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)  # type: ignore[no-untyped-call]
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=precision.dtype,
    )


def quantized_base(model: Any) -> QuantizedBase | None:
    """Which base weights the model reads in 4 or 8 bits; None if it reads all in 16."""
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

    layers: dict[str, Any] = {
        _base_name(name): layer
        for name, layer in model.named_modules()
        if isinstance(layer, Linear4bit | Linear8bitLt)
    }
    if not layers:
        return None
    first = next(iter(layers.values()))
    if isinstance(first, Linear8bitLt):
        return QuantizedBase(tuple(sorted(layers)), 0, double=False, scheme="int8")
    state = first.weight.quant_state
    return QuantizedBase(tuple(sorted(layers)), state.blocksize, state.nested)


def save_weights(model: Any, base: Path, out: Path) -> None:
    """All weights under the base model's names and in its number format."""
    state = model.state_dict()
    infos = list_tensors(base)

    def read(name: str) -> Any:
        return state[name].cpu().to(_DTYPES[infos[name].dtype])

    write_tensors(out / WEIGHTS, infos.values(), read)


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
        use_dora=settings.dora,
        use_rslora=settings.rank_stabilized,
        bias="none",
        task_type="CAUSAL_LM",
    )
