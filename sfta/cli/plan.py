"""`sfta plan`: what a run would do."""

from pathlib import Path
from typing import Any

import click

from sfta.cli import plan_export
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


class _Plan(click.Command):
    """`sfta plan RECIPE`, and `sfta plan export RECIPE` beside it.

    No group: a recipe is no name of a command. A recipe file that is called `export` is reached
    as `./export`.
    """

    further = {plan_export.command.name: plan_export.command}

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        other = self.further.get(args[0]) if args else None
        if other is None:
            return super().make_context(info_name, args, parent, **extra)
        return other.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)


@click.command("plan", cls=_Plan)
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

    With `export` before RECIPE: what a device can do with its model; see `sfta plan export --help`.

    Example: sfta plan configs/quickstart/quickstart.yaml --set train.epochs=3
    """
    from sfta.core.stage import plan_stages, select
    from sfta.stages.pipeline import stages_of

    settings = read_recipe(recipe, assignments, dataset)
    planned = plan_stages(select(stages_of(settings), until), settings, make_runtime(**options))
    print_plan(planned, as_json=as_json)
