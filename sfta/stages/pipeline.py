"""All stages, in the order in which they run."""

from sfta.core.stage import Stage
from sfta.recipe import Recipe
from sfta.stages import (
    bundle,
    chunk,
    evaluate,
    export,
    generate,
    index,
    ingest,
    merge,
    train,
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
