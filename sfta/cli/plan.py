"""`sfta plan`: what a run would do."""

from pathlib import Path
from typing import Any

import click

from sfta.cli.options import JSON, RECIPE, SET, make_runtime, runtime_options
from sfta.cli.screen import print_plan
from sfta.recipe import load_recipe


@click.command("plan")
@RECIPE
@click.option("--until", default="bundle", show_default=True, help="Last stage.")
@SET
@runtime_options
@JSON
def command(
    recipe: Path, until: str, assignments: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Say which stages of RECIPE would be reused and which made.

    Example: sfta plan configs/quickstart/quickstart.yaml --set train.epochs=3
    """
    from sfta.core.stage import plan_stages, select
    from sfta.stages.pipeline import STAGES

    settings = load_recipe(recipe, assignments)
    planned = plan_stages(select(STAGES, until), settings, make_runtime(**options))
    print_plan(planned, as_json=as_json)
