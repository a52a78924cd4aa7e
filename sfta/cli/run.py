"""`sfta run`: make everything that is missing."""

from pathlib import Path
from typing import Any

import click

from sfta.cli.options import (
    DATASET,
    JSON,
    RECIPE,
    SET,
    make_runtime,
    read_recipe,
    runtime_options,
)
from sfta.cli.screen import print_outcomes, print_plan


@click.command("run")
@RECIPE
@click.option("--until", default="bundle", show_default=True, help="Last stage to run.")
@SET
@DATASET
@click.option("--dry-run", is_flag=True, help="Only say what would run.")
@runtime_options
@JSON
def command(
    recipe: Path,
    until: str,
    assignments: tuple[str, ...],
    dataset: Path | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run what is missing of RECIPE, up to a stage, and print what came out.

    Example: sfta run configs/quickstart/quickstart.yaml --until evaluate
    """
    from sfta.core.stage import Outcome, plan_stages, run_stages, select
    from sfta.stages.pipeline import stages_of
    from sfta.stages.together import processes, train_together

    settings, runtime = read_recipe(recipe, assignments, dataset), make_runtime(**options)
    stages = select(stages_of(settings), until)
    if dry_run:
        print_plan(plan_stages(stages, settings, runtime), as_json=as_json)
        return
    outcomes: list[Outcome] = []
    run = train_together if processes() > 1 else run_stages
    run(stages, settings, runtime, on_outcome=outcomes.append)
    if outcomes:
        print_outcomes(outcomes, as_json=as_json, recipe=recipe, dataset=dataset)
