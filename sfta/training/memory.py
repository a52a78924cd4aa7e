"""How much memory a training run needs, told before anything heavy is loaded.

An estimate from shapes: weights, what is trained with its gradient and its two moments, and what
one micro-batch leaves for the backward pass. Tests and docs/log.md say how near it comes.
"""

import json
import resource
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sfta.training.config import TrainConfig
from sfta.training.model import Precision
from sfta.training.packing import Pack
from sfta_edge.errors import ConfigError
from sfta_export.tensors import list_tensors

GIB = 1 << 30
_NOTHING_FITS = (
    "Take a smaller model, lower train.context_tokens or generate.context.rows_per_context, or use "
    "a machine with more memory."
)
_MOMENTS = {"adamw": 8, "paged_adamw_8bit": 2}
_GRADIENT = 4
# What the allocator keeps of batches of other lengths; on a CPU measured, see docs/log.md.
_HELD = {"cpu": 2.5, "cuda": 1.15}
_KEPT_STATES = 3  # the checkpoint that is there, the one that is being written, and the best
_PROGRAM = {"cpu": 1.0 * GIB, "cuda": 0.8 * GIB}
_SPARE = 0.95
_BITS = {"nf4": 4.13, "int8": 8.1}  # of a quantized weight, its scale included
# Numbers kept for a token in a layer: inputs and outputs of its linear layers and norms.
_OF_HIDDEN, _OF_INNER, _OF_NORM = 8, 4, 3


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What of a model decides how much memory its training takes."""

    parameters: int
    linear: tuple[tuple[str, int, int], ...]
    """Name, outputs and inputs of every linear layer inside a block."""
    layers: int
    hidden: int
    inner: int
    heads: int
    vocabulary: int

    @classmethod
    def read(cls, base: Path) -> "ModelShape | None":
        """The shape of a model in Hugging Face form; None if its settings do not say it."""
        settings: dict[str, Any] = json.loads((base / "config.json").read_text("utf-8"))
        settings = settings.get("text_config") or settings
        names = ("num_hidden_layers", "hidden_size", "intermediate_size",
                 "num_attention_heads", "vocab_size")  # fmt: skip
        if not all(isinstance(settings.get(name), int) for name in names):
            return None
        tensors = list_tensors(base)
        linear = tuple(
            (name.removesuffix(".weight"), *info.shape)
            for name, info in sorted(tensors.items())
            if len(info.shape) == 2 and ".layers." in name
        )
        counts = [info.shape[0] * (info.shape[1] if len(info.shape) > 1 else 1)
                  for info in tensors.values()]  # fmt: skip
        return cls(sum(counts), linear, *(settings[name] for name in names))

    def adapted(self, modules: Sequence[str]) -> list[tuple[str, int, int]]:
        """Linear layers that an adapter changes: those named, else all."""
        return [
            layer
            for layer in self.linear
            if not modules or layer[0].rpartition(".")[2] in modules
        ]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes."""

    weights: float
    trained: float
    """Adapter with gradient and moments; with `full` gradient and moments of the weights."""
    activations: float
    program: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.trained + self.activations + self.program

    def __str__(self) -> str:
        parts = [f"{name} {getattr(self, name) / GIB:.1f}" for name in self.__slots__]
        return f"{self.total / GIB:.1f} GiB ({', '.join(parts)})"


def estimate(
    shape: ModelShape, config: TrainConfig, precision: Precision, batch: Sequence[Pack]
) -> Memory:
    """Memory of training with this micro-batch as the largest one."""
    width = 2 if precision.name != "float32" else 4
    linear = sum(outputs * inputs for _, outputs, inputs in shape.linear)
    moments = _MOMENTS[config.optimizer]
    if config.method == "full":
        weights, trained = (
            4.0 * shape.parameters,
            float((_GRADIENT + moments) * shape.parameters),
        )
    else:
        adapter = sum(
            config.lora.rank * (outputs + inputs)
            for _, outputs, inputs in shape.adapted(config.lora.target_modules)
        )
        trained = float((4 + _GRADIENT + moments) * adapter)
        weights = float(width * shape.parameters)
        if config.method == "qlora":
            quantized = linear * _BITS[config.quantization] / 8
            weights = width * (shape.parameters - linear) + quantized
    kept = _HELD[precision.device] * _activations(shape, batch, width, config)
    return Memory(weights, trained, kept, _PROGRAM[precision.device])


def _activations(
    shape: ModelShape, batch: Sequence[Pack], width: int, config: TrainConfig
) -> float:
    tokens = sum(pack.tokens for pack in batch)
    predicted = sum(len(row.completion) for pack in batch for row in pack.rows)
    layer = width * (_OF_HIDDEN * shape.hidden + _OF_INNER * shape.inner)
    layer += 4 * _OF_NORM * shape.hidden
    pairs = shape.heads * _pairs(batch) * width * 2
    whole = tokens * layer + pairs
    if config.activation_checkpointing:
        # Of each layer only what it reads is kept; one at a time is computed again.
        kept = shape.layers * tokens * width * shape.hidden + whole
    else:
        kept = shape.layers * whole
    return float(kept + predicted * shape.vocabulary * width * 2)


def _pairs(batch: Sequence[Pack]) -> int:
    """Pairs of tokens whose attention is kept."""
    if len(batch) > 1:
        return sum(pack.tokens for pack in batch) ** 2
    (pack,) = batch
    context = len(pack.rows[0].context)
    longest = max(len(row.question) + len(row.completion) for row in pack.rows)
    return context**2 + len(pack.rows) * longest * (context + longest)


def available(device: str) -> float:
    """Bytes that are free where training is to run, within the limits of a container."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0])
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    free = 1024.0 * next(int(i.split()[1]) for i in lines if i.startswith("MemAvailable:"))
    for path, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes",
         "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):  # fmt: skip
        try:
            free = min(free, float(Path(path).read_text()) - float(Path(used).read_text()))
        except (OSError, ValueError):
            continue
    return free


def peak_memory(model: Any) -> float:
    """Most bytes that this process has held: on the GPU, if the model is there."""
    if model.device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(model.device))
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def check_memory(
    base: Path, config: TrainConfig, precision: Precision, packs: Sequence[Pack], size: int
) -> Memory | None:
    """The memory that training needs; None if the model's settings do not tell.

    Args:
        base: the model.
        config: how it is trained.
        precision: number format and device.
        packs: what it is trained on.
        size: packs in a micro-batch.

    Raises:
        ConfigError: there is not enough; says what would fit.
    """
    shape = ModelShape.read(base)
    if shape is None:
        return None
    largest = sorted(packs, key=lambda pack: pack.tokens)[-size:]
    needed, free = estimate(shape, config, precision, largest), available(precision.device)
    if needed.total <= _SPARE * free:
        return needed
    fits = [
        said
        for said, changed in _ways(config)
        if estimate(shape, changed, precision, largest).total <= _SPARE * free
    ]
    raise ConfigError(
        f"training needs {needed}, and {free / GIB:.1f} GiB are free",
        hint=f"This would fit: {' or '.join(fits)}." if fits else _NOTHING_FITS,
    )


def check_disk(folder: Path, needed: Memory | None) -> None:
    """Make sure that two checkpoints and the best weights fit.

    Raises:
        ConfigError: there is less room where the run is kept.
    """
    if needed is None:
        return
    wanted, free = _KEPT_STATES * needed.trained, shutil.disk_usage(folder).free
    if wanted > free:
        raise ConfigError(
            f"checkpoints need {wanted / GIB:.1f} GiB, and {free / GIB:.1f} GiB are free in "
            f"{folder}",
            hint="Free disk space, or give another folder with --runs.",
        )


def _ways(config: TrainConfig) -> list[tuple[str, TrainConfig]]:
    """Changes that take less memory, the mildest first."""
    checkpointed = {"activation_checkpointing": True}
    adapter = {"method": "lora"}
    quantized = {"method": "qlora"}
    return [
        (", ".join(f"train.{name}: {str(value).lower()}" for name, value in change.items()),
         config.model_copy(update=change))
        for change in (checkpointed, adapter, quantized, quantized | checkpointed)
        if any(getattr(config, name) != value for name, value in change.items())
    ]  # fmt: skip
