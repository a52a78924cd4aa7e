"""Stage merge: adapter, or trained weights -> model, in 16 bits."""

import shutil
from dataclasses import asdict
from pathlib import Path

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta_edge.errors import SftaError
from sfta_edge.prompt import PROMPT_FILE
from sfta_export.content import folder_digest
from sfta_export.merge import WEIGHTS, merge, take_trained
from sfta_export.merge_plan import Part, plan_merge
from sfta_export.quantized_base import QuantizedBase


def run(job: Job[Recipe]) -> Metrics:
    """Merge the adapter into its base; the prompt contract goes along."""
    recipe, adapter = job.recipe, job.inputs["adapter"]
    base = hub.resolve_model(recipe.model.base, job.runtime.cache, root=recipe.root)
    if (adapter.path / WEIGHTS).exists():
        merged = take_trained(base, adapter.path, job.out)
    else:
        as_trained = recipe.merge.base == "as_trained"
        quantized = QuantizedBase.read(adapter.path) if as_trained else None
        parts = [*_further(recipe), Part(adapter.path, recipe.merge.weight)]
        chained = recipe.merge.chained
        merged = merge(base, parts, job.out, quantized=quantized, chained=chained)
    shutil.copyfile(adapter.file(PROMPT_FILE), job.out / PROMPT_FILE)
    return asdict(merged)


def _further(recipe: Recipe) -> list[Part]:
    return [
        Part(recipe.root / Path(one.path).expanduser(), one.weight)
        for one in recipe.merge.adapters
    ]


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    found = {"base": hub.model_identity(recipe.model.base, root=recipe.root)}
    for number, part in enumerate(_further(recipe), 1):
        if part.folder.is_dir():
            found[f"adapter {number}"] = folder_digest(part.folder)
    return found


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    """Further adapters belong to this base, before anything is trained."""
    further = _further(recipe)
    if not further:
        return []
    try:
        base = hub.resolve_model(recipe.model.base, runtime.cache, root=recipe.root)
        plan_merge(base, further)
    except SftaError as error:
        return [f"merge.adapters: {error}"]
    return []


STAGE = Stage(
    name="merge",
    needs=("adapter",),
    makes="model",
    sections=("model", "merge"),
    run=run,
    revision=3,
    external=_external,
    check=_check,
)
