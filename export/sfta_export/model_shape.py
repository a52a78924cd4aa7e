"""The shape of a model, read from its settings: what its size and speed on a device follow from.

Weights are not read. Where a folder holds none, as with the settings of a model that is not
here yet, the tensors are those that transformers would make, on a device without memory.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError
from sfta_export.number_formats import Role, Tensor
from sfta_export.tensors import list_tensors

_LAYER = re.compile(r"\blayers\.(\d+)\.")
_ROLES: dict[str, Role] = {
    "embed_tokens": "embedding",
    "lm_head": "output",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "qkv_proj": "qkv",
    "o_proj": "attention_output",
    "gate_proj": "gate",
    "up_proj": "up",
    "gate_up_proj": "up",
    "down_proj": "down",
}
_OTHER_SENSES = ("vision", "audio", "multi_modal")
# Of a vocabulary: length of a text, its kind, its score; of a merge: its length.
_PER_TOKEN, _PER_MERGE = 12, 8
_UNKNOWN_TOKEN = 40  # bytes for a token and its merges where no tokenizer is at hand
_PER_TENSOR, _OTHER_FACTS = 92, 2048


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What of a model decides how large and how fast it is."""

    tensors: tuple[Tensor, ...]
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    hidden: int
    inner: int
    """Width of the feed-forward layers."""
    vocabulary: int
    trained_context: int
    """Tokens the model was trained to look at."""
    windowed_layers: int = 0
    """Layers whose attention sees a window only."""
    window: int = 0
    """Tokens of that window."""
    header_bytes: int = 0
    """Vocabulary and settings in a GGUF file, estimated."""

    @property
    def tied(self) -> bool:
        """One matrix is embedding and output."""
        return not any(tensor.role == "output" for tensor in self.tensors)

    @property
    def parameters(self) -> int:
        """Weights, those of embedding and output included."""
        return sum(tensor.weights for tensor in self.tensors)

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of one token in all layers, 16 bits each.

        Layers with a window count like the others: the runtime keeps all of their tokens, so
        that it can step back to an earlier one (`swa_full` of llama.cpp).
        """
        return self.layers * self.kv_heads * self.head_size * 2 * 2


def read_shape(folder: Path) -> ModelShape:
    """The shape of a model folder in Hugging Face form; safetensors need not be there.

    Raises:
        ConfigError: no or unreadable config.json, or a model that is no plain decoder.
    """
    settings = _settings(folder)
    found = _tensors(folder)
    tensors = tuple(_as_tensor(name, shape) for name, shape in sorted(found.items()))
    if settings.get("tie_word_embeddings") or not any(t.role == "output" for t in tensors):
        tensors = tuple(tensor for tensor in tensors if tensor.role != "output")
    heads = _count(settings, "num_attention_heads", folder)
    hidden = _count(settings, "hidden_size", folder)
    kinds = settings.get("layer_types") or []
    window = settings.get("sliding_window") or 0
    return ModelShape(
        tensors=tensors,
        layers=_count(settings, "num_hidden_layers", folder),
        heads=heads,
        kv_heads=settings.get("num_key_value_heads") or heads,
        head_size=settings.get("head_dim") or hidden // heads,
        hidden=hidden,
        inner=_count(settings, "intermediate_size", folder),
        vocabulary=_count(settings, "vocab_size", folder),
        trained_context=_count(settings, "max_position_embeddings", folder),
        windowed_layers=kinds.count("sliding_attention") if window else 0,
        window=window,
        header_bytes=_vocabulary_bytes(folder, settings) + _PER_TENSOR * len(tensors),
    )


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text("utf-8"))
        settings = settings.get("text_config") or settings
        kind = settings.get("model_type", "")
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"cannot read {path}: {_first_line(error)}") from error
    experts = [settings.get(name) for name in ("num_local_experts", "num_experts", "n_experts")]
    if any(isinstance(number, int) and number > 1 for number in experts):
        raise ConfigError(
            f"{folder.name} is a mixture of experts ({kind}), which cannot be planned",
            hint="Export it and measure with sfta-edge doctor.",
        )
    return dict(settings)


def _count(settings: dict[str, Any], name: str, folder: Path) -> int:
    value = settings.get(name)
    if not isinstance(value, int) or value < 1:
        raise ConfigError(
            f"{folder / 'config.json'} names no {name}",
            hint="Only decoders whose layers are all alike can be planned.",
        )
    return value


def _tensors(folder: Path) -> dict[str, tuple[int, ...]]:
    if any(folder.glob("*.safetensors")):
        pairs: Iterable[tuple[str, tuple[int, ...]]] = (
            (name, info.shape) for name, info in list_tensors(folder).items()
        )
    else:
        pairs = _made_without_memory(folder)
    return {
        name: shape
        for name, shape in pairs
        if not any(sense in name for sense in _OTHER_SENSES) and shape
    }


def _made_without_memory(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    make: Any = AutoModelForCausalLM.from_config  # transformers gives it no types
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        with torch.device("meta"):
            model = make(config)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ConfigError(
            f"{folder} names no model that transformers can make: {_first_line(error)}",
            hint="Code that comes with a model is never run.",
        ) from error
    for name, parameter in model.named_parameters():
        yield name, tuple(parameter.shape)


def _as_tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    match = _LAYER.search(name)
    layer = int(match[1]) if match else -1
    if len(shape) == 1:
        return Tensor("vector", layer, 1, shape[0])
    rows = 1
    for length in shape[:-1]:
        rows *= length
    module = name.removesuffix(".weight").rpartition(".")[2]
    return Tensor(_ROLES.get(module, "other"), layer, rows, shape[-1])


def _vocabulary_bytes(folder: Path, settings: dict[str, Any]) -> int:
    """What texts of tokens and merges take in the file."""
    size: int = settings.get("vocab_size", 0)
    try:
        model = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
        vocabulary, merges = model["vocab"], model.get("merges") or []
        texts = (
            vocabulary if isinstance(vocabulary, dict) else [entry[0] for entry in vocabulary]
        )
        tokens = sum(len(text.encode()) + _PER_TOKEN for text in texts)
        joined = (merge if isinstance(merge, str) else " ".join(merge) for merge in merges)
        return tokens + sum(len(text.encode()) + _PER_MERGE for text in joined) + _OTHER_FACTS
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return size * _UNKNOWN_TOKEN + _OTHER_FACTS


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
