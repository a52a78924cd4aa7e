"""Stage export: model -> gguf, one file per scheme, each held against the model."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.progress import track
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta_edge.errors import MissingDependencyError, SftaError
from sfta_edge.manifest import canonical_json
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_export import gguf, parity, toolchain
from sfta_export.quantization import NOMINAL_BITS

PARITY = "parity.json"
_FLOAT_BITS = 16.0
_ROOM = 1.1


def run(job: Job[Recipe]) -> Metrics:
    """Convert, quantize, read back, compare.

    Raises:
        IntegrityError: a file does not carry what the model holds, or computes other
            probabilities than its scheme explains; the message names the rung.
    """
    model, runtime = job.inputs["model"], job.runtime
    contract = PromptContract.read(model.file(PROMPT_FILE))
    files = _write_files(job, model.path)
    facts = {scheme: gguf.verify_gguf(path, model.path) for scheme, path in files.items()}
    tokenize = hub.hf_tokenize(hub.load_tokenizer(model.path))
    ladder = parity.check_ladder(
        model.path, files, contract, tokenize, device=_device(runtime.device)
    )
    record = {
        **ladder,
        "files": {scheme: asdict(fact) for scheme, fact in facts.items()},
        "tools": toolchain.tools_folder(runtime.cache).name,
    }
    (job.out / PARITY).write_bytes(canonical_json(record))
    shutil.copyfile(model.file(PROMPT_FILE), job.out / PROMPT_FILE)
    return _metrics(job.recipe.export.schemes, facts, ladder)


def _write_files(job: Job[Recipe], model: Path) -> dict[str, Path]:
    """The 16-bit file first, which is a rung of its own and the source of the others."""
    cache, name = job.runtime.cache, job.recipe.name
    schemes = job.recipe.export.schemes
    exact = gguf.lossless_scheme(model)
    folder = job.out if exact in schemes else job.work
    source = folder / f"model-{exact}.gguf"
    if not source.is_file():
        dtype = gguf.FLOAT_SCHEMES[exact]
        gguf.convert(model, source, dtype=dtype, name=name, cache=cache)
    files = {exact: source}
    for scheme in track([s for s in schemes if s != exact], "quantize"):
        out = job.out / f"model-{scheme}.gguf"
        if scheme in gguf.FLOAT_SCHEMES:
            dtype = gguf.FLOAT_SCHEMES[scheme]
            gguf.convert(model, out, dtype=dtype, name=name, cache=cache)
        else:
            gguf.quantize(source, out, scheme)
        files[scheme] = out
    return files


def _metrics(
    schemes: list[Any], facts: dict[str, gguf.GgufFacts], ladder: dict[str, Any]
) -> Metrics:
    rungs = {rung["scheme"]: rung for rung in ladder["rungs"]}
    metrics: Metrics = {"token_texts": ladder["token_texts"]}
    for scheme in schemes:
        metrics[scheme] = {
            "size": facts[scheme].size,
            "bits_per_weight": facts[scheme].bits_per_weight,
            "mean_kl": rungs[scheme]["mean_kl"],
            "top1": rungs[scheme]["top1"],
        }
    return metrics


def _device(wanted: str) -> str:
    if wanted == "cpu":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    """Tools built, architecture and tokenizer known to the converter, room on the disk."""
    try:
        toolchain.find_tools(runtime.cache)
        base = hub.resolve_settings(recipe.model.base, runtime.cache, root=recipe.root)
        problems = gguf.check_convertible(base, runtime.cache)
    except MissingDependencyError as error:
        return [f"{error}. {error.hint}"]
    except SftaError as error:
        return [f"base model: {error}"]
    return [*problems, *_disk_problems(recipe, runtime, base)]


def _disk_problems(recipe: Recipe, runtime: Runtime, base: Path) -> list[str]:
    weights = sum(path.stat().st_size for path in base.glob("*.safetensors"))
    bits = [NOMINAL_BITS.get(scheme, _FLOAT_BITS) for scheme in recipe.export.schemes]
    # The merged model, its 16-bit GGUF file, and one file per scheme.
    needed = int(weights * (2 + sum(bits) / _FLOAT_BITS) * _ROOM)
    free = shutil.disk_usage(_existing(runtime.runs)).free
    if needed <= free:
        return []
    need = f"merge and export need {needed / 1e9:.1f} GB in {runtime.runs}"
    return [f"{need}, {free / 1e9:.1f} GB are free"]


def _existing(path: Path) -> Path:
    path = path.expanduser().absolute()
    return path if path.exists() else _existing(path.parent)


STAGE = Stage(
    name="export",
    needs=("model",),
    makes="gguf",
    sections=("name", "model", "export"),
    run=run,
    check=_check,
)
