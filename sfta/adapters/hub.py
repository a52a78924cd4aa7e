"""Base models and their tokenizers: from the hub, a folder or an installed package.

A model is named by one text: a local folder, a hub name (`owner/name` or `owner/name@revision`)
or `package://package/path` to a folder or a GGUF file inside an installed Python package.
A relative folder starts at the recipe's own, never at the current one: the same recipe names
the same model wherever it is run from.
"""

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, ToolError
from sfta_export.content import file_digest, finished_folder, folder_digest

PACKAGE = "package://"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?:@[\w./-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOCAL = (".", "/", "~")
_FILES = (
    *("*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "README.md"),
    *("LICEN[CS]E*", "COPYING*", "NOTICE*", "USE_POLICY*"),
)


@dataclass(frozen=True, slots=True)
class _HubName:
    name: str
    revision: str


def resolve_model(spec: str, cache: Path, *, root: Path | None = None) -> Path:
    """Folder of a model in Hugging Face form: config.json, safetensors, tokenizer.

    A GGUF file is dequantized to 16 bits, once for its content. Code that comes with a model
    is never run.

    Args:
        spec: Folder, hub name or `package://` text.
        cache: Folder that recipes share.
        root: Where a relative folder starts, the recipe's own; without it none is looked for.

    Raises:
        ConfigError: there is no such model, or its form is not supported.
        ToolError: the hub cannot be reached.
    """
    found = _locate(spec, root)
    if isinstance(found, _HubName):
        return _download(found)
    if found.suffix == ".gguf":
        return _dequantized(found, cache)
    if not (found / "config.json").is_file():
        raise ConfigError(
            f"{found} holds no config.json",
            hint="A model folder holds config.json, safetensors and a tokenizer.",
        )
    return found


def model_identity(spec: str, *, root: Path | None = None) -> str:
    """What the model is, whatever it is called: a digest, or hub name and commit.

    Arguments are those of `resolve_model`.

    Raises:
        ConfigError: there is no such model.
        ToolError: the hub is needed to find the commit, and cannot be reached.
    """
    found = _locate(spec, root)
    if isinstance(found, _HubName):
        return f"{found.name}@{_commit(found)}"
    if found.is_file():
        from sfta.adapters.gguf_weights import REVISION

        return f"gguf/{REVISION}:{file_digest(found)}"
    return f"folder:{folder_digest(found)}"


def resolve_settings(spec: str, cache: Path, *, root: Path | None = None) -> Path:
    """As `resolve_model`, but of a hub model only configuration and tokenizer are fetched.

    Raises:
        ConfigError, ToolError: as `resolve_model`.
    """
    found = _locate(spec, root)
    if isinstance(found, _HubName):
        return _download(found, [name for name in _FILES if name != "*.safetensors"])
    return resolve_model(spec, cache, root=root)


def local_path(spec: str, *, root: Path | None = None) -> Path | None:
    """The folder or file on this machine that a name leads to; None for a hub name.

    Raises:
        ConfigError: there is no such model.
    """
    found = _locate(spec, root)
    return None if isinstance(found, _HubName) else found


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of a model folder, a `PreTrainedTokenizerFast`.

    Raises:
        ConfigError: the folder has none.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(
            f"{folder} has no usable tokenizer: {_first_line(error)}",
            hint="Put the base model's tokenizer files into the folder.",
        ) from error
    if not tokenizer.is_fast:
        raise ConfigError(f"{folder} has no fast tokenizer (tokenizer.json)")
    return tokenizer


def hf_tokenize(tokenizer: Any) -> Callable[[str, bool], list[int]]:
    """The tokenizer as a `sfta_edge.prompt.Tokenize`: no begin or end token is added.

    Spellings of control tokens are split like any text unless `parse_special` is true. The
    ids are those of llama.cpp, which does not compose letters and accents (Unicode NFC) as
    some tokenizers do: training sees what the device will see.
    """
    return tokenize_by(tokenizer_rules(tokenizer))


def tokenizer_rules(tokenizer: Any) -> str:
    """All that decides the ids of `hf_tokenize`, as one text that any process can be given."""
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    if _composes_only(rules.get("normalizer")):
        rules["normalizer"] = None
    # Padding or cutting left over from other uses would change the ids.
    rules["padding"] = rules["truncation"] = None
    return json.dumps(rules)


def tokenize_by(rules: str) -> Callable[[str, bool], list[int]]:
    """As `hf_tokenize`, from the text that `tokenizer_rules` gives."""
    from tokenizers import Tokenizer

    parsing, plain = Tokenizer.from_str(rules), Tokenizer.from_str(rules)
    plain.encode_special_tokens = True

    def tokenize(text: str, parse_special: bool) -> list[int]:  # noqa: FBT001 prompt.Tokenize
        chosen = parsing if parse_special else plain
        return list(chosen.encode(text, add_special_tokens=False).ids)

    return tokenize


def hf_spell(tokenizer: Any) -> Callable[[Sequence[int]], str]:
    """What puts written tokens into text as llama.cpp does: special tokens are none.

    A blank that an answer begins with stays, which some tokenizers take off.
    """
    words = tokenizer.backend_tokenizer
    before = words.encode(":", add_special_tokens=False).ids[-1:]
    known = len(words.decode(before, skip_special_tokens=True))

    def spell(ids: Sequence[int]) -> str:
        text: str = words.decode([*before, *ids], skip_special_tokens=True)
        return text[known:]

    return spell


def _composes_only(normalizer: Any) -> bool:
    if not isinstance(normalizer, dict):
        return False
    steps = normalizer.get("normalizers", [normalizer])
    return bool(steps) and all(step.get("type") == "NFC" for step in steps)


def _locate(spec: str, root: Path | None) -> Path | _HubName:
    if spec.startswith(PACKAGE):
        return _in_package(spec)
    path = _path(spec, root)
    if spec and path is not None and path.exists():
        return path
    if spec.startswith(_LOCAL):
        raise ConfigError(
            f"there is no model {spec!r}: {path or spec} does not exist",
            hint="A relative folder starts at the recipe's own.",
        )
    if _HUB_NAME.fullmatch(spec):
        name, _, revision = spec.partition("@")
        return _HubName(name, revision or "main")
    raise ConfigError(
        f"there is no model {spec!r}",
        hint="Give a folder, a hub name like HuggingFaceTB/SmolLM2-360M-Instruct, "
        f"or {PACKAGE}package/path.",
    )


def _path(spec: str, root: Path | None) -> Path | None:
    """Where the text leads as a path; None where a relative one has no start."""
    try:
        path = Path(spec).expanduser()
    except RuntimeError:  # ~ of a user that this machine does not know
        return None
    if path.is_absolute():
        return path
    return root / path if root is not None else None


def _in_package(spec: str) -> Path:
    package, _, inner = spec.removeprefix(PACKAGE).partition("/")
    if not package.isidentifier() or not inner or ".." in Path(inner).parts:
        raise ConfigError(f"cannot read {spec!r}", hint=f"Write {PACKAGE}package/path.")
    # Finding a package does not run it: the package holds data, its code is not wanted.
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            f"the package {package} is not installed",
            hint=f"pip install {package.replace('_', '-')}, or pip install 'sfta[quickstart]'.",
        )
    path = Path(next(iter(found.submodule_search_locations))) / inner
    if not path.exists():
        raise ConfigError(f"the package {package} holds no {inner}")
    return path


def _dequantized(path: Path, cache: Path) -> Path:
    from sfta.adapters import gguf_weights

    name = f"{path.stem}-{file_digest(path)[:16]}-{gguf_weights.REVISION}"
    final = cache.expanduser() / "models" / name
    if not final.is_dir():
        with finished_folder(final) as scratch:
            gguf_weights.dequantize(path, scratch)
    return final


def _download(found: _HubName, patterns: Sequence[str] = _FILES) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            found.name, revision=found.revision, allow_patterns=list(patterns)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _unreachable(found, error) from error
    return Path(folder)


def _commit(found: _HubName) -> str:
    if _COMMIT.fullmatch(found.revision):
        return found.revision
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    # What is on this machine decides, so that a run can be repeated without a network.
    with contextlib.suppress(LocalEntryNotFoundError):
        folder = snapshot_download(found.name, revision=found.revision, local_files_only=True)
        return Path(folder).name
    try:
        return str(HfApi().model_info(found.name, revision=found.revision).sha)
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(found, error) from error


def _unreachable(found: _HubName, error: Exception) -> ToolError:
    return ToolError(
        f"cannot get {found.name}@{found.revision} from the hub: {_first_line(error)}",
        hint="Check name and network, or give a local folder.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
