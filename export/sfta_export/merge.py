"""An adapter and its base model become one model in the base model's number format.

The sum is made in float32 and kept in 16 bits, one weight at a time. An adapter that was
trained on a quantized base (QLoRA, arXiv 2305.14314) is added to the values that base had in
training, see `quantized_base`: the sum is the model that was trained and validated. Nothing is
added to packed weights, which would round the adapter away.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.lora import Update, read_updates
from sfta_export.quantized_base import QuantizedBase
from sfta_export.tensors import TensorInfo, list_tensors, write_tensors

WEIGHTS = "model.safetensors"
_COPIED_SUFFIXES = (".json", ".jinja", ".model", ".txt")
_NOT_COPIED = ("manifest.json", "adapter_config.json", "prompt.json")


@dataclass(frozen=True, slots=True)
class Merged:
    """What was done."""

    tensors: int
    """Weights in the model."""
    changed: int
    """Weights the adapter changed."""
    as_trained: int
    """Weights with the values that 4-bit training gave them."""
    relative_change: float
    """Norm of all updates over the norm of the weights they changed."""
    size: int
    """Bytes of the weights."""


def merge(
    base_dir: Path, adapter_dir: Path, out: Path, *, quantized: QuantizedBase | None = None
) -> Merged:
    """Write the merged model, its settings and the base model's tokenizer into `out`.

    Same inputs, same bytes.

    Args:
        base_dir: Unquantized model in Hugging Face form; shards are joined.
        adapter_dir: Adapter as PEFT saves it.
        out: Existing folder.
        quantized: Weights that take the values they had in 4-bit training; None: all keep
            their own.

    Raises:
        ConfigError: the base is quantized, or the adapter is of a kind that cannot be merged.
        IntegrityError: the adapter does not fit the base, or the sum is no finite number.
    """
    base, updates = check_fit(base_dir, adapter_dir)
    norms, rounded = _Norms(), _rounded(quantized, base)
    with ExitStack() as stack:
        read = _reader(stack)

        def merged(name: str) -> Any:
            weight = read(base[name])
            if quantized is not None and name in rounded:
                weight = quantized.as_trained(weight)
            update = updates.get(name)
            return weight if update is None else _added(weight, update, read, norms)

        write_tensors(out / WEIGHTS, base.values(), merged)
    _copy_settings(base_dir, out)
    size = (out / WEIGHTS).stat().st_size
    return Merged(len(base), len(updates), len(rounded), norms.ratio, size)


def take_trained(base_dir: Path, trained_dir: Path, out: Path) -> Merged:
    """Write a model all of whose weights were trained, with settings and tokenizer of its base.

    Raises:
        ConfigError: a folder holds no unquantized weights.
        IntegrityError: the weights are not those of this base, or not finite.
    """
    import torch

    base, trained = list_tensors(base_dir), list_tensors(trained_dir)
    if {i.name: i.shape for i in base.values()} != {i.name: i.shape for i in trained.values()}:
        raise IntegrityError(
            "the trained weights do not belong to this base",
            hint="Give the base model that was trained.",
        )
    norms = _Norms()
    with ExitStack() as stack:
        read = _reader(stack)

        def taken(name: str) -> Any:
            before, after = read(base[name]), read(trained[name])
            norms.add(before.float(), after.float())
            if not bool(torch.isfinite(after).all()):
                raise IntegrityError(f"{name} is not finite", hint="The training diverged.")
            return after.to(before.dtype)

        write_tensors(out / WEIGHTS, base.values(), taken)
    _copy_settings(base_dir, out)
    size = (out / WEIGHTS).stat().st_size
    return Merged(len(base), len(base), 0, norms.ratio, size)


def check_fit(
    base_dir: Path, adapter_dir: Path
) -> tuple[dict[str, TensorInfo], dict[str, Update]]:
    """Tensors of the base and updates of the adapter, if each update has its weight.

    Raises:
        ConfigError, IntegrityError: as `merge`.
    """
    _refuse_quantized(base_dir)
    base, updates = list_tensors(base_dir), read_updates(adapter_dir)
    problems = [f"no weight {name}" for name in sorted(updates.keys() - base.keys())]
    problems += [
        f"{name} has shape {base[name].shape}, the adapter {update.shape}"
        for name, update in sorted(updates.items())
        if name in base and base[name].shape != update.shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise IntegrityError(
            f"the adapter was not trained on this base: {'; '.join(problems[:3])}{more}",
            hint="Give the base model that the adapter was trained on.",
        )
    return base, updates


def _rounded(quantized: QuantizedBase | None, base: dict[str, TensorInfo]) -> frozenset[str]:
    if quantized is None:
        return frozenset()
    if unknown := sorted(set(quantized.weights) - base.keys()):
        raise IntegrityError(
            f"the adapter was not trained on this base: no weight {unknown[0]}",
            hint="Give the base model that the adapter was trained on.",
        )
    return frozenset(quantized.weights)


class _Norms:
    """Squared norms of what was changed and by how much."""

    def __init__(self) -> None:
        self.weights = self.updates = 0.0

    def add(self, before: Any, after: Any) -> None:
        """Note one weight, in float32, before and after."""
        import torch

        self.weights += float(before.square().sum(dtype=torch.float64))
        self.updates += float((after - before).square().sum(dtype=torch.float64))

    @property
    def ratio(self) -> float:
        """Relative size of the change, 6 significant digits."""
        return float(f"{(self.updates / self.weights) ** 0.5:.6g}") if self.weights else 0.0


def _added(
    weight: Any, update: Update, read: Callable[[TensorInfo], Any], norms: _Norms
) -> Any:
    import torch

    change = (read(update.b).float() @ read(update.a).float()) * update.scale
    before = weight.float().T if update.transposed else weight.float()
    total = before + change
    if update.magnitude is not None:
        total *= (read(update.magnitude).float() / total.norm(dim=1))[:, None]
    norms.add(before, total)
    if update.transposed:
        total = total.T
    result = total.to(weight.dtype)
    if not bool(torch.isfinite(result).all()):
        raise IntegrityError(
            f"{update.weight} is not finite after merging",
            hint="The adapter diverged in training, or the base's number format is too small.",
        )
    return result


def _reader(stack: ExitStack) -> Callable[[TensorInfo], Any]:
    """Read single tensors, each file opened once."""
    from safetensors import safe_open

    opened: dict[Path, Any] = {}

    def read(info: TensorInfo) -> Any:
        if info.file not in opened:
            opened[info.file] = stack.enter_context(safe_open(info.file, framework="pt"))
        return opened[info.file].get_tensor(info.name)

    return read


def _refuse_quantized(base_dir: Path) -> None:
    path = base_dir / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the base model's {path.name}: {error}") from error
    if "quantization_config" in config:
        raise ConfigError(
            "the base model is quantized; merging into it would round the adapter away",
            hint="Give the 16-bit base model.",
        )


def _copy_settings(base_dir: Path, out: Path) -> None:
    for path in sorted(base_dir.iterdir()):
        wanted = path.suffix in _COPIED_SUFFIXES or path.name.startswith("LICENSE")
        # The index of shards is wrong for one file.
        if wanted and path.name not in _NOT_COPIED and not path.name.endswith(".index.json"):
            shutil.copyfile(path, out / path.name)
