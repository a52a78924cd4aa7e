"""A merged model as ONNX, made by the model builder of onnxruntime-genai as its own program.

The builder runs without a network and reads nothing but the folder; a folder that names code is
refused before it runs. The folder that comes out is what onnxruntime-genai loads: graph, weights,
`genai_config.json`, tokenizer.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError
from sfta_export.content import finished_file, finished_folder
from sfta_export.model_settings import read_json

GRAPH, WEIGHTS, SETTINGS = "model.onnx", "model.onnx.data", "genai_config.json"
PACKAGES = ("onnx", "onnx_ir", "onnxruntime", "onnxruntime_genai", "onnxscript")
FAST, EXACT = 4, 1
"""Accuracy levels of a product with 4-bit weights: activations in 8 bits, or in float32."""
_BUILDER = "onnxruntime_genai.models.builder"


@dataclass(frozen=True, slots=True)
class _Form:
    precision: str
    provider: str
    options: tuple[str, ...]
    bits: float
    """Of a weight, about."""


# int4: rounding with a search for the scale (k_quant) and 8 bits for the head and the layers that
# lose most; with the builder's own default a small model lost two and a half times as much.
# fp16: the graph that the builder makes for a CPU computes a prompt and fails at the token after
# it; the one for CUDA uses the operators that a CPU has as well, if norms stay out of attention.
_FORMS = {
    "int4": _Form("int4", "cpu", ("algo_config=k_quant_mixed", f"accuracy_level={FAST}"), 7.0),
    "fp16": _Form("fp16", "cuda", ("fuse_qk_norm_gqa=false",), 16.0),
    "fp32": _Form("fp32", "cpu", (), 32.0),
}
SCHEMES = tuple(_FORMS)
BITS = {scheme: form.bits for scheme, form in _FORMS.items()}
# With other frequencies beyond some length, what is in memory has to be computed anew where a
# text grows beyond it. The runtime does that at this length, whatever the model's own is.
_LONG_FROM = 4096
# Named by the builder, and still not built by this version of it.
_NOT_BUILT = {"SmolLM3ForCausalLM": "it has no way for layers without positions"}


def check_packages() -> None:
    """Raise `MissingDependencyError` with the line for pip unless all of ONNX is installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"the ONNX target needs {', '.join(missing)}", hint="pip install 'sfta[onnx]'"
        )


def model_onnx(model_dir: Path, out: Path, scheme: str) -> Path:
    """Write a merged model as a folder for onnxruntime-genai; return its path.

    The bytes depend on the folder's content and on the versions of the builder and torch.

    Args:
        model_dir: config.json, 16-bit safetensors and tokenizer.
        out: The folder to write; the builder's log is kept beside it if it fails.
        scheme: One of `SCHEMES`. `fp16` is meant for a GPU and runs on a CPU as well.

    Raises:
        ConfigError: the scheme is unknown, or the folder cannot become ONNX.
        MissingDependencyError: a package of the extra `onnx` is not installed.
        ToolError: the builder failed.
    """
    if scheme not in _FORMS:
        raise ConfigError(
            f"unknown ONNX scheme {scheme!r}", hint=f"One of {', '.join(SCHEMES)}."
        )
    check_packages()
    if problems := _folder_problems(model_dir):
        raise ConfigError("; ".join(problems))
    form = _FORMS[scheme]
    with finished_folder(out) as scratch:
        log_file = out.with_name(f"{out.name}.build.log")
        _build(model_dir, scratch, form, form.options, log_file=log_file)
        _name_no_provider(scratch / SETTINGS)
    return out


def check_buildable(model_dir: Path) -> list[str]:
    """Why this folder cannot become ONNX, one sentence per reason; empty if it can.

    Weights are not read: the builder makes its settings, which is where most of what it does not
    support shows.

    Raises:
        MissingDependencyError: a package of the extra `onnx` is not installed.
    """
    check_packages()
    problems = _folder_problems(model_dir, weights=False)
    if problems:
        return problems
    with tempfile.TemporaryDirectory() as folder:
        log_file, form = Path(folder) / "log", _FORMS["fp32"]
        options = ("config_only=true",)
        try:
            _build(model_dir, Path(folder) / "settings", form, options, log_file=log_file)
        except ToolError:
            name = _architecture(model_dir)
            return [f"the ONNX builder refuses {name}: {_reason(log_file)}"]
    return []


def known_architectures() -> set[str]:
    """Names of the architectures that the builder compares with, read without running it."""
    found = find_spec("onnxruntime_genai")
    assert found is not None
    assert found.submodule_search_locations
    source = Path(found.submodule_search_locations[0]) / "models" / "builder.py"
    names = {
        side.value
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Compare) and "architectures" in ast.unparse(node.left)
        for side in node.comparators
        if isinstance(side, ast.Constant) and isinstance(side.value, str)
    }
    return names - set(_NOT_BUILT)


def set_accuracy(folder: Path, level: int) -> None:
    """Say how exactly products with 4-bit weights are computed: `FAST` or `EXACT`.

    The weights stay as they are; only the attribute of the graph changes.
    """
    import onnx

    model = onnx.load(str(folder / GRAPH), load_external_data=False)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = level
    with finished_file(folder / GRAPH) as scratch:
        scratch.write_bytes(model.SerializeToString(deterministic=True))


def offline_environment() -> dict[str, str]:
    """Of a program that reaches no network, and finds the packages that this one finds."""
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        # The builder writes the commit of the repository around it into the graph, which is that
        # of whoever runs it, in their own tree.
        "GIT_DIR": os.devnull,
    }


def run_logged(command: Sequence[str], log_file: Path) -> bool:
    """Run a Python program with these arguments; its words go into the log, kept on failure."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("w", encoding="utf-8") as kept:
        done = subprocess.run(
            # Unbuffered, so that what it died of stands last.
            [sys.executable, "-u", *command],
            stdout=kept,
            stderr=subprocess.STDOUT,
            env=offline_environment(),
            check=False,
        )
    if done.returncode == 0:
        log_file.unlink()
    return done.returncode == 0


def _build(
    model_dir: Path, out: Path, form: _Form, options: Sequence[str], *, log_file: Path
) -> None:
    with tempfile.TemporaryDirectory() as cache:
        command = ["-m", _BUILDER, "--input", str(model_dir.resolve()), "--output", str(out)]
        command += ["--precision", form.precision, "--execution_provider", form.provider]
        command += ["--cache_dir", cache, "--extra_options", "hf_token=false", *options]
        if run_logged(command, log_file):
            return
    raise ToolError(
        f"the ONNX builder failed on {model_dir}: {_reason(log_file)}",
        hint=f"The whole log: {log_file}",
    )


def _reason(log_file: Path) -> str:
    lines = log_file.read_text("utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it gave no reason"


def _name_no_provider(path: Path) -> None:
    """Without a provider the folder runs on any machine; a program with a GPU names its own."""
    settings = read_json(path)
    settings["model"]["decoder"]["session_options"]["provider_options"] = []
    path.write_text(json.dumps(settings, indent=4) + "\n", "utf-8")


def _folder_problems(model_dir: Path, *, weights: bool = True) -> list[str]:
    config = read_json(model_dir / "config.json")
    if not config.get("architectures"):
        return [f"{model_dir} holds no config.json that names an architecture"]
    problems = []
    if "auto_map" in config or any(model_dir.glob("*.py")):
        problems.append(f"{model_dir} comes with code of its own, which is never run")
    if "quantization_config" in config:
        problems.append(f"{model_dir} is quantized already; export starts from 16 bits")
    if weights and not any(model_dir.glob("*.safetensors")):
        problems.append(f"{model_dir} holds no safetensors")
    name = _architecture(model_dir)
    if name in _NOT_BUILT:
        problems.append(f"the ONNX builder cannot build {name}: {_NOT_BUILT[name]}")
    elif name not in known_architectures():
        problems.append(f"the ONNX builder does not know the architecture {name}")
    return [*problems, *_frequency_problems(config)]


def _frequency_problems(config: dict[str, Any]) -> list[str]:
    """Of a model with other frequencies for long texts (longrope), as Phi 3.5 and 4 have them."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if "longrope" not in (rope.get("rope_type"), rope.get("type")):
        return []
    problems, length = [], config.get("original_max_position_embeddings")
    if length != _LONG_FROM:
        problems.append(
            f"the ONNX runtime takes the frequencies for long texts from {_LONG_FROM} tokens on, "
            f"and this model from {length}: an answer that grows past it would go wrong"
        )
    if "type" not in rope:
        problems.append("the ONNX builder needs rope_parameters.type: longrope in config.json")
    return problems


def _architecture(model_dir: Path) -> str:
    return str(read_json(model_dir / "config.json")["architectures"][0])
