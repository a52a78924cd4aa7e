"""A LoRA adapter as PEFT saves it: its settings, and which weights it changes.

    W' = W + scale * B A,  scale = alpha / r,  or alpha / sqrt(r) with rank stabilization
    W' = m * (W + scale * B A) / |W + scale * B A|  row by row, with weight decomposition

Sources: arXiv 2106.09685 (LoRA), arXiv 2312.03732 (rank stabilization), arXiv 2402.09353
(weight decomposition, DoRA), peft.LoraConfig.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.tensors import TensorInfo, list_tensors

_PREFIX = "base_model.model."
# PEFT saves these along when the vocabulary was resized.
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "lm_head.weight")
_PART = re.compile(
    r"^(.+)\.lora_(?:([AB])(?:\.default)?\.weight|(magnitude)_vector(?:\.default)?(?:\.weight)?)$"
)
# Each changes what merging means; none is silently read as plain LoRA.
_UNSUPPORTED = (
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "target_parameters",
    "trainable_token_indices",
    "layer_replication",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
)
# Plain ways to begin; others (pissa, olora, corda, loftq) change the base weights as well.
_PLAIN_INIT = (True, False, "gaussian", "orthogonal", "eva")


@dataclass(frozen=True, slots=True)
class Update:
    """The change of one weight."""

    weight: str
    """Name of the weight in the base model."""
    a: TensorInfo
    """Shape (rank, inputs)."""
    b: TensorInfo
    """Shape (outputs, rank)."""
    scale: float
    transposed: bool
    """The base stores the weight as (inputs, outputs)."""
    magnitude: TensorInfo | None = None
    """Length of each row of the result, shape (outputs,); None: as the sum has it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight that this update fits."""
        outer = (self.b.shape[0], self.a.shape[1])
        return outer[::-1] if self.transposed else outer


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter does to its base."""

    folder: Path
    updates: Mapping[str, Update]
    """By the name of the weight they change."""
    replaced: Mapping[str, TensorInfo]
    """Weights that were trained as a whole (`modules_to_save`), by name; an embedding among them
    may have more rows than the base's."""


def read_adapter(folder: Path) -> Adapter:
    """The changes that an adapter folder holds.

    Raises:
        ConfigError: no LoRA adapter, or a feature of PEFT that cannot be merged here.
        IntegrityError: half of a pair is missing, or ranks disagree.
    """
    settings = _settings(folder)
    whole = [str(name) for name in settings.get("modules_to_save") or ()]
    parts: dict[str, dict[str, TensorInfo]] = {}
    replaced: dict[str, TensorInfo] = {}
    for name, info in list_tensors(folder).items():
        # Beside the update of an embedding or head PEFT saves what it is an update of.
        short = name.removeprefix(_PREFIX).replace(".base_layer.", ".")
        match = _PART.match(short)
        if match is not None:
            parts.setdefault(match[1], {})[match[2] or match[3]] = info
        elif short.endswith(_EMBEDDINGS) or any(f".{w}." in f".{short}" for w in whole):
            replaced[short] = info
        else:
            raise ConfigError(
                f"the adapter holds {name}, which is no LoRA update of a linear layer",
                hint="Train with target modules that are linear layers.",
            )
    return Adapter(folder, _updates(parts, settings), replaced)


def _updates(
    parts: Mapping[str, dict[str, TensorInfo]], settings: dict[str, Any]
) -> dict[str, Update]:
    updates = {}
    for module, pair in sorted(parts.items()):
        wanted = {"A", "B", "magnitude"} if settings.get("use_dora") else {"A", "B"}
        if set(pair) != wanted:
            raise IntegrityError(f"the adapter does not hold the whole update of {module}")
        updates[f"{module}.weight"] = _update(module, pair, settings)
    return updates


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "adapter_config.json"
    try:
        settings = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{folder} is no adapter: cannot read {path.name}: {error}"
        ) from error
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise ConfigError(f"the adapter is of type {kind}, only LORA can be merged")
    if not isinstance(settings.get("r"), int) or "lora_alpha" not in settings:
        raise ConfigError(f"{path} names no rank and alpha")
    used = [name for name in _UNSUPPORTED if settings.get(name)]
    if settings.get("bias", "none") != "none":
        used.append(f"bias={settings['bias']}")
    if settings.get("init_lora_weights", True) not in _PLAIN_INIT:
        used.append(f"init_lora_weights={settings['init_lora_weights']}")
    if used:
        raise ConfigError(
            f"the adapter uses {', '.join(used)}, which cannot be merged",
            hint="Train LoRA, rank-stabilized LoRA or DoRA.",
        )
    return dict(settings)


def _update(module: str, pair: dict[str, TensorInfo], settings: dict[str, Any]) -> Update:
    a, b, magnitude = pair["A"], pair["B"], pair.get("magnitude")
    rank = int(_for_module(settings, "rank_pattern", module, settings["r"]))
    alpha = float(_for_module(settings, "alpha_pattern", module, settings["lora_alpha"]))
    if len(a.shape) != 2 or len(b.shape) != 2 or not a.shape[0] == b.shape[1] == rank:
        raise IntegrityError(
            f"the update of {module} has shapes {a.shape} and {b.shape}, "
            f"which do not make a rank of {rank}"
        )
    if magnitude is not None and magnitude.shape != (b.shape[0],):
        raise IntegrityError(f"the magnitudes of {module} have the shape {magnitude.shape}")
    scale = alpha / math.sqrt(rank) if settings.get("use_rslora") else alpha / rank
    transposed = bool(settings.get("fan_in_fan_out"))
    return Update(f"{module}.weight", a, b, scale, transposed, magnitude)


def _for_module(settings: dict[str, Any], pattern: str, module: str, default: Any) -> Any:
    """PEFT's rule: a key is a pattern for the end of the module's name; the first match wins."""
    for key, value in (settings.get(pattern) or {}).items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default
