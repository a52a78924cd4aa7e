"""What becomes of each weight when adapters are merged; shapes and names only, nothing is read.

Here it is decided whether an adapter belongs to a base, what a grown vocabulary changes, and what
happens to a head that is tied to the embedding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.lora import Adapter, read_adapter
from sfta_export.model_settings import read_config
from sfta_export.tensors import TensorInfo, list_tensors, same_values

HEAD = "lm_head.weight"
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One adapter of several."""

    folder: Path
    """As PEFT saves it."""
    weight: float = 1.0
    """How much of its change is taken: 0.5 takes half."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each weight; nothing is read yet."""

    base: Mapping[str, TensorInfo]
    result: Mapping[str, TensorInfo]
    """Weights of the model that comes out, with their shapes there."""
    parts: Sequence[tuple[Adapter, float]]
    config: Mapping[str, Any]
    """What changes in config.json."""
    tokenizer: Path
    """Folder that the tokenizer is taken from."""

    def source(self, name: str) -> TensorInfo:
        """The base's weight that a weight of the result begins as."""
        return self.base.get(name) or self.base[_embedding(self.base)]


def plan_merge(base_dir: Path, parts: Sequence[Part]) -> Plan:
    """What a merge will do, if every change has its weight.

    Raises:
        ConfigError, IntegrityError: as `merge`.
    """
    config = read_config(base_dir)
    base = list_tensors(base_dir)
    tied = bool(config.get("tie_word_embeddings")) and HEAD not in base
    adapters = [(_read(part.folder, tied=tied), part.weight) for part in parts]
    result, changes = dict(base), dict[str, Any]()
    names = {n for a, _ in adapters for n in (*a.updates, *a.replaced)}
    if tied and HEAD in names:
        # The head has learnt something that the embedding has not: it gets weights of its own.
        result[HEAD] = replace(base[_embedding(base)], name=HEAD)
        changes["tie_word_embeddings"] = False
    for adapter, _ in adapters:
        _check(adapter, result)
    tokenizer = _resize(adapters, base, result, config, changes) or base_dir
    return Plan(base, result, adapters, changes, tokenizer)


def _read(folder: Path, *, tied: bool) -> Adapter:
    """An adapter; of two copies of a tied embedding one."""
    adapter = read_adapter(folder)
    embedding = next((n for n in adapter.replaced if n.endswith(_EMBEDDINGS)), None)
    if not tied or embedding is None or HEAD not in adapter.replaced:
        return adapter
    if not same_values(adapter.replaced[HEAD], adapter.replaced[embedding]):
        return adapter
    rest = {name: info for name, info in adapter.replaced.items() if name != HEAD}
    return replace(adapter, replaced=rest)


def _check(adapter: Adapter, result: Mapping[str, TensorInfo]) -> None:
    shapes = {name: update.shape for name, update in adapter.updates.items()}
    shapes |= {name: info.shape for name, info in adapter.replaced.items()}
    problems = [f"no weight {name}" for name in sorted(shapes.keys() - result.keys())]
    problems += [
        f"{name} has shape {result[name].shape}, the adapter {shape}"
        for name, shape in sorted(shapes.items())
        if name in result and not _fits(name, shape, result[name].shape, adapter)
    ]
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise IntegrityError(
            f"the adapter was not trained on this base: {'; '.join(problems[:_SHOWN])}{more}",
            hint="Give the base model that the adapter was trained on.",
        )


def _fits(name: str, shape: tuple[int, ...], wanted: tuple[int, ...], adapter: Adapter) -> bool:
    if name in adapter.replaced and name.endswith((*_EMBEDDINGS, HEAD)):
        return shape[1:] == wanted[1:]  # the vocabulary may have grown
    return shape == wanted


def _resize(
    adapters: Sequence[tuple[Adapter, float]],
    base: Mapping[str, TensorInfo],
    result: dict[str, TensorInfo],
    config: Mapping[str, Any],
    changes: dict[str, Any],
) -> Path | None:
    """Give embedding and head the rows that an adapter has; return who has the tokenizer.

    Raises:
        ConfigError: the new vocabulary is not known, or only half of the weights has it.
    """
    rows, owner = config.get("vocab_size"), None
    for adapter, _ in adapters:
        for name, info in adapter.replaced.items():
            if info.shape[0] != base.get(name, info).shape[0]:
                result[name] = replace(result[name], shape=info.shape)
                rows, owner = info.shape[0], adapter.folder
    if owner is None:
        return None
    ends = {n: i.shape[0] for n, i in result.items() if n.endswith((*_EMBEDDINGS, HEAD))}
    if len(set(ends.values())) > 1:
        raise ConfigError(
            f"the vocabulary was resized to {rows}, but not everywhere: {ends}",
            hint="Save embedding and head with the adapter (modules_to_save).",
        )
    if not (owner / "tokenizer.json").is_file():
        raise ConfigError(
            f"the vocabulary was resized to {rows}, and {owner} holds no tokenizer.json",
            hint="Save the tokenizer with the added tokens beside the adapter.",
        )
    changes["vocab_size"] = rows
    return owner


def _embedding(base: Mapping[str, TensorInfo]) -> str:
    found = [name for name in base if name.endswith(_EMBEDDINGS)]
    if len(found) != 1:
        raise ConfigError("the base ties its head to an embedding that is not found by name")
    return found[0]
