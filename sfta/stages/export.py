"""Stage export: adapter, model, dataset -> gguf, one file per scheme, each held against the model.

The dataset gives the prompts: training rows to gather importances on, validation rows to compare.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.adapters.model_licence import model_licence
from sfta.core.progress import track
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta.stages.disk_room import room_problems
from sfta.stages.export_prompts import importance_prompts, parity_probes
from sfta_edge.errors import MissingDependencyError, SftaError
from sfta_edge.manifest import canonical_json
from sfta_edge.prompt import PROMPT_FILE, PromptContract, Tokenize
from sfta_export import gguf, ladder, toolchain
from sfta_export.adapter_gguf import adapter_gguf
from sfta_export.importance import FILE as IMPORTANCE
from sfta_export.importance import Importance, for_file, gather, source_of
from sfta_export.merge import WEIGHTS
from sfta_export.quantization import NOMINAL_BITS, uses_importance
from sfta_export.splitting import split_gguf

ADAPTER, SPLIT = ladder.ADAPTER_FILE, "split"
_FLOAT_BITS = 16.0


def run(job: Job[Recipe]) -> Metrics:
    """Convert, quantize, read back, compare.

    Raises:
        IntegrityError: a file does not carry what the model holds, or computes other
            probabilities than its scheme explains; the message names the rung.
    """
    model, runtime = job.inputs["model"], job.runtime
    contract = PromptContract.read(model.file(PROMPT_FILE))
    tokenize = hub.hf_tokenize(hub.load_tokenizer(model.path))
    licence = model_licence(job.recipe.model.base, runtime.cache, root=job.recipe.root).stated
    files = _write_files(job, model.path, contract, tokenize, licence)
    facts = {s: gguf.verify_gguf(path, model.path, licence) for s, path in files.items()}
    record = ladder.check_ladder(
        model.path, files, contract, tokenize,
        parity_probes(job, contract, tokenize, job.recipe.export.parity_rows),
        trained=_trained(job, model.path), device=torch_device(runtime.device),
    )  # fmt: skip
    record |= {
        "files": {scheme: asdict(fact) for scheme, fact in facts.items()},
        "tools": toolchain.tools_folder(runtime.cache).name,
    }
    for scheme in job.recipe.export.schemes:
        _put(job, scheme, files[scheme])
    (job.out / ladder.PARITY).write_bytes(canonical_json(record))
    shutil.copyfile(model.file(PROMPT_FILE), job.out / PROMPT_FILE)
    return _metrics(job.recipe.export.schemes, facts, record)


def _put(job: Job[Recipe], scheme: str, path: Path) -> None:
    """Move a finished file into the artifact, and write its parts if they are wanted."""
    size = job.recipe.export.split_mb
    if size is not None:
        split_gguf(path, job.out / SPLIT / scheme, size, job.runtime.cache)
    path.replace(job.out / path.name)


def _write_files(
    job: Job[Recipe], model: Path, contract: PromptContract, tokenize: Tokenize, licence: str
) -> dict[str, Path]:
    """The 16-bit file first, which is a rung of its own and the source of the others.

    A file that an interrupted run has finished is there already.
    """
    cache, name = job.runtime.cache, job.recipe.name
    exact = gguf.lossless_scheme(model)
    schemes = [exact, *(s for s in job.recipe.export.schemes if s != exact)]
    files = {scheme: job.work / f"model-{scheme}.gguf" for scheme in schemes}
    importance: Path | None = None
    for scheme, out in track(list(files.items()), "export"):
        if out.is_file():
            continue
        if scheme in gguf.FLOAT_SCHEMES:
            dtype = gguf.FLOAT_SCHEMES[scheme]
            gguf.convert(model, out, dtype=dtype, name=name, licence=licence, cache=cache)
            continue
        if importance is None and uses_importance(scheme):
            importance = _importance(job, model, files[exact], contract, tokenize)
        gguf.quantize(files[exact], out, scheme, importance)
    return files


def _importance(
    job: Job[Recipe], model: Path, source: Path, contract: PromptContract, tokenize: Tokenize
) -> Path | None:
    """The importance matrix of the recipe's own training rows, gathered once."""
    kept, rows = job.work / IMPORTANCE, job.recipe.export.importance_rows
    if kept.is_file() or not rows:
        return kept if kept.is_file() else None
    prompts = importance_prompts(job, contract, tokenize, rows)
    found = gather(model, prompts, device=torch_device(job.runtime.device))
    named = for_file(found, source, job.runtime.cache)
    tokens = sum(map(len, prompts))
    origin = source_of(job.recipe.name, prompts)
    return Importance(named, len(prompts), tokens, origin).write(kept)


def _trained(job: Job[Recipe], model: Path) -> ladder.Trained | None:
    """Base and adapter; None where all weights were trained."""
    recipe, cache, adapter = job.recipe, job.runtime.cache, job.inputs["adapter"].path
    # With other adapters beside it, the one that was trained is not the whole of the model.
    if (adapter / WEIGHTS).exists() or recipe.merge.adapters or recipe.merge.weight != 1:
        return None
    base = hub.resolve_model(recipe.model.base, cache, root=recipe.root)
    file = None
    if recipe.export.adapter:
        path = adapter_gguf(base, adapter, job.out / ADAPTER, name=recipe.name, cache=cache)
        whole = gguf.model_gguf(base, cache, gguf.lossless_scheme(model))
        file = ladder.AdapterFile(path, whole)
    return ladder.Trained(base, adapter, recipe.merge.base == "as_trained", file)


def _metrics(
    schemes: list[Any], facts: Mapping[str, gguf.GgufFacts], record: Mapping[str, Any]
) -> Metrics:
    rungs = {rung["scheme"]: rung for rung in record["rungs"]}
    metrics: Metrics = {"token_texts": record["token_texts"]}
    for scheme in schemes:
        metrics[scheme] = {
            "size": facts[scheme].size,
            "bits_per_weight": facts[scheme].bits_per_weight,
            **{name: rungs[scheme][name] for name in ("mean_kl", "top1", "greedy")},
        }
    return metrics


def torch_device(wanted: str) -> str:
    """Where a model in PyTorch runs: on a GPU if there is one and it may."""
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
    copies = 1 if recipe.export.split_mb is None else 2
    # The merged model, its 16-bit GGUF file, and one file per scheme, or two.
    needed = weights * (2 + copies * sum(bits) / _FLOAT_BITS)
    return room_problems("merge and export", needed, runtime.runs)


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:
    """What of the base is not in the merged model."""
    licence = model_licence(recipe.model.base, runtime.cache, root=recipe.root)
    return {"licence": licence.stated}


STAGE = Stage(
    name="export",
    needs=("adapter", "model", "dataset"),
    makes="gguf",
    sections=("name", "model", "merge", "export"),
    run=run,
    revision=2,
    external=_external,
    check=_check,
)
