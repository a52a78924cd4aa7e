"""Stage export-onnx: model, dataset -> onnx, a folder per scheme, each held against the model.

Beside the line: devices run GGUF files, other runtimes and accelerators read ONNX. Validation
rows of the dataset are what is compared, as for GGUF files.
"""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.progress import track
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta.stages.disk_room import room_problems
from sfta.stages.export_prompts import parity_probes
from sfta_edge.errors import MissingDependencyError, SftaError
from sfta_edge.manifest import canonical_json
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_export import onnx, onnx_embedder, onnx_parity
from sfta_export.reference import load_folder, reference

PARITY = "parity.json"
_VERSIONS = ("onnx", "onnxruntime", "onnxruntime-genai", "torch")
_STORED_BITS = 16.0


def run(job: Job[Recipe]) -> Metrics:
    """Build, run, compare; a target that an interrupted run has built is there already.

    Raises:
        IntegrityError: a target computes something else than the model; the message names it.
        ToolError: the builder or the exporter failed.
    """
    settings = job.recipe.onnx
    models = {scheme: job.work / f"model-{scheme}" for scheme in settings.schemes}
    embedders = {scheme: job.work / f"embedder-{scheme}" for scheme in settings.embedder}
    embedder = _embedder(job.recipe, job.runtime) if embedders else Path()
    for out in track([*models.values(), *embedders.values()], "export to ONNX"):
        if out.is_dir():
            continue
        kind, _, scheme = out.name.partition("-")
        if kind == "model":
            onnx.model_onnx(job.inputs["model"].path, out, scheme)
        else:
            onnx_embedder.embedder_onnx(embedder, out, scheme)
    probes, rungs = _model_rungs(job, models)
    record = {
        "probes": probes,
        "rungs": rungs,
        "embedders": [
            onnx_embedder.check_vectors(out, scheme, embedder)
            for scheme, out in embedders.items()
        ],
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONS},
    }
    folders = (*models.values(), *embedders.values())
    sizes = {out.name: sum(path.stat().st_size for path in out.iterdir()) for out in folders}
    for out in folders:
        out.rename(job.out / out.name)
    (job.out / PARITY).write_bytes(canonical_json(record))
    shutil.copyfile(job.inputs["model"].file(PROMPT_FILE), job.out / PROMPT_FILE)
    return _metrics(record, sizes)


def _model_rungs(job: Job[Recipe], models: dict[Any, Path]) -> tuple[int, list[dict[str, Any]]]:
    """How many prompts were compared, and what came out for each scheme."""
    model = job.inputs["model"]
    contract = PromptContract.read(model.file(PROMPT_FILE))
    tokenize = hub.hf_tokenize(hub.load_tokenizer(model.path))
    texts = {
        scheme: onnx_parity.check_texts(
            out, scheme, tokenize, hub.hf_tokenize(hub.load_tokenizer(out)), contract
        )
        for scheme, out in models.items()
    }
    probes = parity_probes(job, contract, tokenize, job.recipe.onnx.parity_rows)
    with tempfile.TemporaryDirectory(dir=job.work) as scratch:
        # On the CPU, as the targets are measured.
        loaded = load_folder(model.path)
        expected = reference(loaded, probes, Path(scratch))
        del loaded
        return len(probes), [
            onnx_parity.check_model(out, scheme, model.path, expected) | texts[scheme]
            for scheme, out in track(list(models.items()), "compare")
        ]


def _metrics(record: dict[str, Any], sizes: dict[str, int]) -> Metrics:
    metrics: Metrics = {}
    for rung in record["rungs"]:
        name = f"model-{rung['scheme']}"
        metrics[f"{name} KL"] = rung["mean_kl"]
        metrics[f"{name} top1"] = rung["top1"]
        metrics[f"{name} MB"] = round(sizes[name] / 1e6, 1)
    for found in record["embedders"]:
        name = f"embedder-{found['scheme']}"
        metrics[f"{name} cosine"] = found["least_cosine"]
        metrics[f"{name} MB"] = round(sizes[name] / 1e6, 1)
    return metrics


def _embedder(recipe: Recipe, runtime: Runtime) -> Path:
    return hub.resolve_model(recipe.index.embedder, runtime.cache, root=recipe.root)


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    """Packages installed, architecture known to the builder, room on the disk."""
    try:
        onnx.check_packages()
        base = hub.resolve_settings(recipe.model.base, runtime.cache, root=recipe.root)
        problems = onnx.check_buildable(base)
        if recipe.onnx.embedder:
            problems += onnx_embedder.check_embedder(_embedder(recipe, runtime))
    except MissingDependencyError as error:
        return [f"{error}. {error.hint}"]
    except SftaError as error:
        return [f"{error}"]
    return [*problems, *_disk_problems(recipe, runtime, base)]


def _disk_problems(recipe: Recipe, runtime: Runtime, base: Path) -> list[str]:
    weights = sum(path.stat().st_size for path in base.glob("*.safetensors"))
    bits = sum(onnx.BITS[scheme] for scheme in recipe.onnx.schemes)
    # The merged model and one folder per scheme.
    needed = weights * (1 + bits / _STORED_BITS)
    return room_problems("merge and export-onnx", needed, runtime.runs)


def _external(recipe: Recipe, _runtime: Runtime) -> dict[str, str]:
    """The embedder is in the key only where it is exported."""
    if not recipe.onnx.embedder:
        return {}
    return {"embedder": hub.model_identity(recipe.index.embedder, root=recipe.root)}


STAGE = Stage(
    name="export-onnx",
    needs=("model", "dataset"),
    makes="onnx",
    sections=("model", "index", "onnx"),
    run=run,
    revision=2,
    external=_external,
    check=_check,
)
