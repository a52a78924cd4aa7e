"""Adapters and their base model become one model in the base model's number format.

Sums are made in float32 and kept in 16 bits, one weight at a time: in memory is the largest weight
and not the model. An adapter that was trained on a quantized base (QLoRA, arXiv 2305.14314) is
added to the values that base had in training, see `quantized_base`: the sum is the model that was
trained and validated. Nothing is added to packed weights, which would round the adapter away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.lora import Update
from sfta_export.merge_plan import Part, plan_merge
from sfta_export.model_settings import copy_settings
from sfta_export.quantized_base import QuantizedBase
from sfta_export.tensors import TensorInfo, list_tensors, read_tensor, write_tensors

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Merged:
    """What was done."""

    tensors: int
    """Weights in the model."""
    changed: int
    """Weights the adapters changed."""
    as_trained: int
    """Weights with the values that 4-bit training gave them."""
    relative_change: float
    """Norm of all updates over the norm of the weights they changed."""
    size: int
    """Bytes of the weights."""


def merge(
    base_dir: Path,
    adapters: Path | Sequence[Part],
    out: Path,
    *,
    quantized: QuantizedBase | None = None,
    chained: bool = False,
) -> Merged:
    """Write the merged model, its settings and tokenizer into `out`. Same inputs, same bytes.

    Args:
        base_dir: Unquantized model in Hugging Face form; shards are joined.
        adapters: One adapter as PEFT saves it, or several with their weights.
        out: Existing folder.
        quantized: Weights that take the values they had in 4-bit training; None: all keep
            their own.
        chained: Each adapter changes what the ones before have made, as if it had been trained
            after them; else all change the base, and their changes are added up. Without weight
            decomposition both are the same.

    Raises:
        ConfigError: the base is quantized, or an adapter is of a kind that cannot be merged.
        IntegrityError: an adapter does not fit the base, or the sum is no finite number.
    """
    parts = [Part(adapters)] if isinstance(adapters, Path) else adapters
    plan = plan_merge(base_dir, parts)
    norms, rounded = _Norms(), _rounded(quantized, plan.base)
    changed: set[str] = set()

    def merged(name: str) -> Any:
        weight = read_tensor(plan.source(name))
        if quantized is not None and name in rounded:
            weight = quantized.as_trained(weight)
        for adapter, share in plan.parts:
            if (whole := adapter.replaced.get(name)) is not None:
                weight = _taken(weight, read_tensor(whole), share)
                changed.add(name)
        updates = [(a.updates[name], share) for a, share in plan.parts if name in a.updates]
        if not updates:
            return weight
        changed.add(name)
        return _added(weight, updates, norms, chained=chained)

    write_tensors(out / WEIGHTS, plan.result.values(), merged)
    copy_settings(base_dir, out, plan.config, plan.tokenizer)
    size = (out / WEIGHTS).stat().st_size
    return Merged(len(plan.result), len(changed), len(rounded), norms.ratio, size)


def take_trained(base_dir: Path, trained_dir: Path, out: Path) -> Merged:
    """Write a model all of whose weights were trained, with settings and tokenizer of its base.

    Raises:
        ConfigError: a folder holds no unquantized weights.
        IntegrityError: the weights are not those of this base, or not finite.
    """
    base, trained = list_tensors(base_dir), list_tensors(trained_dir)
    if {i.name: i.shape for i in base.values()} != {i.name: i.shape for i in trained.values()}:
        raise IntegrityError(
            "the trained weights do not belong to this base",
            hint="Give the base model that was trained.",
        )
    norms = _Norms()

    def taken(name: str) -> Any:
        before, after = read_tensor(base[name]), read_tensor(trained[name])
        norms.add(before.float(), after.float())
        return _kept(name, after.float(), before.dtype)

    write_tensors(out / WEIGHTS, base.values(), taken)
    copy_settings(base_dir, out, {}, base_dir)
    size = (out / WEIGHTS).stat().st_size
    return Merged(len(base), len(base), 0, norms.ratio, size)


def _rounded(quantized: QuantizedBase | None, base: Mapping[str, TensorInfo]) -> frozenset[str]:
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
        from torch.linalg import vector_norm

        self.weights += float(vector_norm(before)) ** 2
        self.updates += float(vector_norm(after - before)) ** 2

    @property
    def ratio(self) -> float:
        """Relative size of the change, 4 significant digits."""
        return float(f"{(self.updates / self.weights) ** 0.5:.4g}") if self.weights else 0.0


def _added(
    weight: Any, updates: Sequence[tuple[Update, float]], norms: _Norms, *, chained: bool
) -> Any:
    before = weight.float()
    total = before.clone() if len(updates) > 1 else before
    for update, share in updates:
        ground = total if chained else before
        after = _updated(ground, update)
        total = after if share == 1 and ground is total else total + (after - ground) * share
    norms.add(before, total)
    return _kept(updates[0][0].weight, total, weight.dtype)


def _updated(weight: Any, update: Update) -> Any:
    """One weight in float32 after one update."""
    change = (read_tensor(update.b).float() @ read_tensor(update.a).float()) * update.scale
    total = change.add_(weight.T if update.transposed else weight)
    if update.magnitude is not None:
        total *= (read_tensor(update.magnitude).float() / total.norm(dim=1))[:, None]
    return total.T if update.transposed else total


def _taken(weight: Any, whole: Any, share: float) -> Any:
    """A weight that was trained as a whole; a part of the way to it where less is wanted."""
    if share == 1:
        return whole.to(weight.dtype)
    if weight.shape != whole.shape:
        raise ConfigError("an adapter with a resized vocabulary can only be merged as a whole")
    return (weight.float() * (1 - share) + whole.float() * share).to(weight.dtype)


def _kept(name: str, weight: Any, dtype: Any) -> Any:
    """A weight in float32 as it is kept, if it can be."""
    import torch

    largest = float(torch.linalg.vector_norm(weight, ord=float("inf")))
    if not largest <= torch.finfo(dtype).max:
        raise IntegrityError(
            f"{name} is not finite after merging",
            hint="The adapter diverged in training, or the base's number format is too small.",
        )
    return weight.to(dtype)
