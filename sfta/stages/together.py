"""Stage train in the processes that `accelerate launch` has started: one artifact of them all.

The first process runs the stage as always. The others take the same part in its training and write
nothing. What comes before is made by one process, beforehand: many would wait for it on GPUs.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Outcome, Planned, Runtime, Stage, plan_stages, run_stages
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError


def processes() -> int:
    """How many processes were started together; 1 where none were."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def train_together(
    stages: Sequence[Stage[Recipe]],
    recipe: Recipe,
    runtime: Runtime,
    *,
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Take part in the last of the stages; the first process reports the outcome.

    Raises:
        ConfigError: the last stage is not the training, or one before it is not made yet.
    """
    *before, stage = stages
    if stage.name != "train":
        raise ConfigError(
            f"{stage.name} runs in one process, and {processes()} were started",
            hint="Use `accelerate launch` with `sfta train` only.",
        )
    planned = plan_stages(stages, recipe, runtime)
    if missing := [plan.stage for plan in planned[:-1] if plan.state != "reuse"]:
        raise ConfigError(
            f"{missing[0]} has not run yet, and only training runs in several processes",
            hint=f"Run `sfta {planned[-2].stage}` with this recipe first.",
        )
    if os.environ["RANK"] == "0":
        run_stages(stages, recipe, runtime, on_outcome=on_outcome)
    elif planned[-1].state != "reuse":
        logging.getLogger("sfta").setLevel(logging.WARNING)
        _take_part(stage, recipe, _made(before, planned), planned[-1].path, runtime)


def _made(stages: Sequence[Stage[Recipe]], planned: Sequence[Planned]) -> dict[str, Artifact]:
    return {
        stage.makes: Artifact.open(plan.path)
        for stage, plan in zip(stages, planned, strict=False)
        if plan.path is not None
    }


def _take_part(
    stage: Stage[Recipe],
    recipe: Recipe,
    made: dict[str, Artifact],
    final: Path | None,
    runtime: Runtime,
) -> None:
    """Run the stage into a folder that nobody keeps; checkpoints are those of the first."""
    assert final is not None
    work = runtime.runs / ".work" / f"{stage.name}-{final.name}"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as out:
        inputs = {kind: made[kind] for kind in stage.needs}
        stage.run(Job(recipe, inputs, Path(out), work, runtime))
