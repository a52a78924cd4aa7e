"""Hugging Face folder to GGUF, with llama.cpp's own converter as a program of its own.

The converter reads the folder's tokenizer with `trust_remote_code`; a folder that names code
is therefore refused before it runs, and it runs without a network.
"""

import ast
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import ConfigError, ToolError
from sfta_edge.manifest import write_durably
from sfta_export import toolchain
from sfta_export.content import file_digest, finished_file
from sfta_export.model_settings import read_json
from sfta_export.toolchain import DEFAULT_CACHE

log = logging.getLogger("sfta")
DTYPES = ("f32", "f16", "bf16", "q8_0")
_TOKENIZER_FILES = ("*.json", "*.model", "*.jinja", "*.txt")
_CARD = "README.md"
_FULL = os.strerror(errno.ENOSPC)
_LEAST_ROOM = 1 << 20
_ERROR = re.compile(r"^(?:ERROR:\S+?:|\w*(?:Error|Exception): )(.*)$", re.MULTILINE)


def convert(
    model_dir: Path,
    out: Path,
    *,
    dtype: str = "f16",
    name: str = "model",
    licence: str = "",
    cache: Path = DEFAULT_CACHE,
) -> Path:
    """Write a model folder as one GGUF file; return its path.

    The bytes depend on the folder's content, `name` and `licence`, not on where the folder is.

    Args:
        model_dir: config.json, safetensors and tokenizer.
        out: The file to write; the converter's log is kept beside it if it fails.
        dtype: One of `DTYPES`.
        name: What the model calls itself.
        licence: Of the model; goes into the file. Empty: what the folder's own README says.
        cache: Where the tools are.

    Raises:
        ConfigError: the folder holds code, no safetensors, or `dtype` is unknown.
        MissingDependencyError: the tools were not built.
        ToolError: the converter failed; carries the end of its log.
    """
    if dtype not in DTYPES:
        raise ConfigError(
            f"unknown number format {dtype!r}", hint=f"One of {', '.join(DTYPES)}."
        )
    if problems := _folder_problems(model_dir):
        raise ConfigError("; ".join(problems))
    with finished_file(out) as scratch:
        options = ["--outtype", dtype, "--outfile", str(scratch)]
        facts = _Facts(name, licence)
        _run(options, model_dir, facts, cache=cache, log_file=out.with_suffix(".convert.log"))
    return out


def check_convertible(model_dir: Path, cache: Path = DEFAULT_CACHE) -> list[str]:
    """Why this folder cannot become GGUF, one sentence per reason; empty if it can.

    Weights are not read: the converter makes the header and the vocabulary, which is where
    an unknown architecture or pre-tokenizer shows. A good answer is kept for the same files.

    Raises:
        MissingDependencyError: the tools were not built.
    """
    problems = _folder_problems(model_dir, weights=False)
    if problems:
        return problems
    tree = toolchain.converter(cache)
    architecture = _architecture(model_dir)
    if architecture not in known_architectures(tree):
        return [f"the GGUF converter does not know the architecture {architecture}"]
    kept = cache.expanduser() / "convertible" / f"{_vocabulary_digest(model_dir, tree)}.json"
    if kept.is_file():
        return []
    with tempfile.TemporaryDirectory() as folder:
        options = ["--vocab-only", "--outfile", f"{folder}/vocabulary.gguf"]
        log_file = Path(folder) / "log"
        try:
            _run(options, model_dir, _Facts("model"), cache=cache, log_file=log_file)
        except ToolError:
            found = _ERROR.findall(log_file.read_text("utf-8", errors="replace"))
            reason = found[-1].strip() if found else "it gave no reason"
            return [f"the GGUF converter refuses {architecture}: {reason}"]
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_durably(kept, json.dumps({"architecture": architecture}).encode())
    return []


def known_architectures(tree: Path) -> set[str]:
    """Names of the text architectures of a converter, read without running it."""
    for node in ast.parse((tree / "conversion" / "__init__.py").read_text("utf-8")).body:
        if (
            isinstance(node, ast.AnnAssign)
            and getattr(node.target, "id", "") == "TEXT_MODEL_MAP"
        ):
            assert node.value is not None
            return set(ast.literal_eval(node.value))
    raise ToolError(f"{tree} is not the converter of this version", hint="Run `make tools`.")


def _folder_problems(model_dir: Path, *, weights: bool = True) -> list[str]:
    config = read_json(model_dir / "config.json")
    if not config:
        return [f"{model_dir} holds no readable config.json"]
    problems = []
    if not config.get("architectures"):
        problems.append(f"{model_dir}/config.json names no architecture")
    named = [config, read_json(model_dir / "tokenizer_config.json")]
    if any("auto_map" in settings for settings in named) or any(model_dir.glob("*.py")):
        problems.append(f"{model_dir} comes with code of its own, which is never run")
    if "quantization_config" in config:
        problems.append(f"{model_dir} is quantized already; export starts from 16 bits")
    if weights and not any(model_dir.glob("*.safetensors")):
        problems.append(f"{model_dir} holds no safetensors")
    return problems


def _architecture(model_dir: Path) -> str:
    return str(read_json(model_dir / "config.json")["architectures"][0])


def _vocabulary_digest(model_dir: Path, tree: Path) -> str:
    digest = hashlib.sha256(tree.parent.name.encode())
    for path in sorted({p for pattern in _TOKENIZER_FILES for p in model_dir.glob(pattern)}):
        digest.update(f"{path.name} {file_digest(path)}\n".encode())
    return digest.hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What goes into the file and is not in the folder."""

    name: str
    licence: str = ""


def _linked(model_dir: Path, folder: Path, facts: _Facts) -> Path:
    """The folder under the model's name: the converter writes that into the file."""
    named = folder / facts.name
    named.mkdir()
    for path in sorted(model_dir.resolve().iterdir()):
        (named / path.name).symlink_to(path)
    if facts.licence:
        # The one place where the converter looks for a licence.
        (named / _CARD).unlink(missing_ok=True)
        (named / _CARD).write_text(f"---\nlicense: {json.dumps(facts.licence)}\n---\n", "utf-8")
    return named


def _run(
    options: list[str], model_dir: Path, facts: _Facts, *, cache: Path, log_file: Path
) -> None:
    script = toolchain.converter(cache) / "convert_hf_to_gguf.py"
    with tempfile.TemporaryDirectory() as folder:
        named = _linked(model_dir, Path(folder), facts)
        run_converter(script, [*options, str(named)], cache=cache, log_file=log_file)


def run_converter(script: Path, arguments: list[str], *, cache: Path, log_file: Path) -> None:
    """Run a program of llama.cpp's converter without a network.

    Raises:
        ToolError: it failed; `log_file` is kept, and the message carries its end.
    """
    tree = toolchain.converter(cache)
    paths = [str(tree / "gguf-py"), str(tree)]
    offline = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # The converter's gguf-py comes first: the published package of that name differs.
    environment = {**os.environ, **offline, "PYTHONPATH": os.pathsep.join(paths)}
    with log_file.open("w", encoding="utf-8") as kept:
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            stdout=kept,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    if done.returncode != 0:
        said = log_file.read_text("utf-8", errors="replace")
        # numpy says only how much it has written.
        if _FULL in said or shutil.disk_usage(log_file.parent).free < _LEAST_ROOM:
            raise ToolError(
                f"no space is left for what the GGUF converter makes of {Path(arguments[-1]).name}",
                hint="Free some space and run again; files that are finished are kept.",
            )
        tail = said.strip().splitlines()[-12:]
        raise ToolError(
            f"the GGUF converter failed on {Path(arguments[-1]).name}:\n" + "\n".join(tail),
            hint=f"The whole log: {log_file}",
        )
    log_file.unlink()
