"""Stage merge: adapter, or trained weights -> model, in 16 bits."""

import shutil
from dataclasses import asdict

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta_edge.prompt import PROMPT_FILE
from sfta_export.merge import WEIGHTS, merge, take_trained
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
        merged = merge(base, adapter.path, job.out, quantized=quantized)
    shutil.copyfile(adapter.file(PROMPT_FILE), job.out / PROMPT_FILE)
    return asdict(merged)


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    return {"base": hub.model_identity(recipe.model.base, root=recipe.root)}


STAGE = Stage(
    name="merge",
    needs=("adapter",),
    makes="model",
    sections=("model", "merge"),
    run=run,
    revision=2,
    external=_external,
)
