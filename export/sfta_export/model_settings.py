"""Settings and tokenizer of a model folder: read, and copied beside new weights."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError

CONFIG = "config.json"
_COPIED_SUFFIXES = (".json", ".jinja", ".model", ".txt")
_NOT_COPIED = ("manifest.json", "adapter_config.json", "prompt.json", "quantization.json")
_OF_TOKENIZER = (
    "tokenizer",
    "special_tokens_map",
    "added_tokens",
    "vocab",
    "merges",
    "chat_template",
)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file; empty if there is none that can be read."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def load_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file that may be missing: then it is empty.

    Raises:
        ConfigError: the file is there and cannot be read; what it says must not be passed over.
    """
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return data if isinstance(data, dict) else {}


def end_ids(settings: Mapping[str, Any]) -> list[int]:
    """Tokens that end an answer, as settings name them; empty if they name none."""
    value = settings.get("eos_token_id")
    return value if isinstance(value, list) else [value] if isinstance(value, int) else []


def ends_of(model_dir: Path) -> list[int]:
    """Tokens that end an answer of a model folder."""
    named = end_ids(read_json(model_dir / "generation_config.json"))
    return named or end_ids(read_json(model_dir / CONFIG))


def read_config(model_dir: Path) -> dict[str, Any]:
    """The settings of an unquantized model.

    Raises:
        ConfigError: they cannot be read, or the model is quantized.
    """
    path = model_dir / CONFIG
    try:
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the base model's {path.name}: {error}") from error
    if "quantization_config" in config:
        raise ConfigError(
            "the base model is quantized; merging into it would round the adapter away",
            hint="Give the 16-bit base model.",
        )
    return config


def copy_settings(
    base_dir: Path, out: Path, changes: Mapping[str, Any], tokenizer: Path
) -> None:
    """Everything but the weights, into `out`.

    Args:
        base_dir: The model that settings and licence are taken from.
        out: Existing folder.
        changes: Keys of config.json that have other values now.
        tokenizer: Folder of the tokenizer's files.
    """
    for path in sorted(base_dir.iterdir()):
        if _is_copied(path) and not (tokenizer != base_dir and _is_of_tokenizer(path)):
            shutil.copyfile(path, out / path.name)
    if tokenizer != base_dir:
        for path in sorted(tokenizer.iterdir()):
            if _is_copied(path) and _is_of_tokenizer(path):
                shutil.copyfile(path, out / path.name)
    if changes:
        config = json.loads((out / CONFIG).read_text("utf-8")) | dict(changes)
        (out / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def _is_copied(path: Path) -> bool:
    wanted = path.suffix in _COPIED_SUFFIXES or path.name.startswith("LICENSE")
    # The index of shards is wrong for one file.
    return wanted and path.name not in _NOT_COPIED and not path.name.endswith(".index.json")


def _is_of_tokenizer(path: Path) -> bool:
    return path.name.startswith(_OF_TOKENIZER)
