"""`sfta run`: make everything that is missing."""

from pathlib import Path
from typing import Any

import click

from sfta.cli.options import JSON, RECIPE, SET, make_runtime, runtime_options
from sfta.cli.screen import print_outcomes, print_plan
from sfta.recipe import load_recipe


@click.command("run")
@RECIPE
@click.option("--until", default="bundle", show_default=True, help="Last stage to run.")
@SET
@click.option("--dry-run", is_flag=True, help="Only say what would run.")
@runtime_options
@JSON
def command(
    recipe: Path,
    until: str,
    assignments: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run what is missing of RECIPE, up to a stage, and print what came out.

    Example: sfta run configs/quickstart/quickstart.yaml --until evaluate
    """
    from sfta.core.stage import Outcome, plan_stages, run_stages, select
    from sfta.stages.pipeline import STAGES

    settings, runtime = load_recipe(recipe, assignments), make_runtime(**options)
    stages = select(STAGES, until)
    if dry_run:
        print_plan(plan_stages(stages, settings, runtime), as_json=as_json)
        return
    outcomes: list[Outcome] = []
    run_stages(stages, settings, runtime, on_outcome=outcomes.append)
    print_outcomes(outcomes, as_json=as_json, recipe=recipe)
