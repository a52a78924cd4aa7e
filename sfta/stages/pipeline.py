"""All stages, in the order in which they run."""

from sfta.core.stage import Stage
from sfta.recipe import Recipe
from sfta.stages import (
    adopt,
    bundle,
    chunk,
    evaluate,
    export,
    export_onnx,
    generate,
    index,
    ingest,
    ladder,
    merge,
    prefer,
    robustness,
    train,
    train_retriever,
)

STAGES: tuple[Stage[Recipe], ...] = (
    ingest.STAGE,
    chunk.STAGE,
    index.STAGE,
    generate.STAGE,
    train.STAGE,
    merge.STAGE,
    export.STAGE,
    evaluate.STAGE,
    bundle.STAGE,
)
BESIDE: tuple[Stage[Recipe], ...] = (
    train_retriever.STAGE,
    export_onnx.STAGE,
    ladder.STAGE,
    robustness.STAGE,
)
"""Stages that no run needs: what they make is named in a recipe afterwards, or looked at."""


def stages_of(recipe: Recipe) -> tuple[Stage[Recipe], ...]:
    """The stages of a recipe: with rows of its own, `adopt` stands first and nothing is generated.

    First, because it reads a file in seconds and needs nothing: a mistake in the rows is found
    before documents are parsed. Where the recipe has preferences, they follow the training.
    """
    stages = STAGES
    if recipe.dataset.file is not None:
        stages = (adopt.STAGE, *(stage for stage in STAGES if stage is not generate.STAGE))
    if recipe.preference is not None:
        place = stages.index(train.STAGE) + 1
        stages = (*stages[:place], prefer.STAGE, *stages[place:])
    return stages


def stages_beside(recipe: Recipe) -> tuple[Stage[Recipe], ...]:
    """`BESIDE`, with what the recipe wants to be shown on its ladder."""
    return tuple(
        ladder.stage_for(recipe) if stage is ladder.STAGE else stage for stage in BESIDE
    )
