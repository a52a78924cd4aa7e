"""`sfta plan`: what a run would do."""

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
from sfta.cli.screen import print_plan


@click.command("plan")
@RECIPE
@click.option("--until", default="bundle", show_default=True, help="Last stage.")
@SET
@DATASET
@runtime_options
@JSON
def command(
    recipe: Path,
    until: str,
    assignments: tuple[str, ...],
    dataset: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Say which stages of RECIPE would be reused and which made.

    Example: sfta plan configs/quickstart/quickstart.yaml --set train.epochs=3
    """
    from sfta.core.stage import plan_stages, select
    from sfta.stages.pipeline import stages_of

    settings = read_recipe(recipe, assignments, dataset)
    planned = plan_stages(select(stages_of(settings), until), settings, make_runtime(**options))
    print_plan(planned, as_json=as_json)
