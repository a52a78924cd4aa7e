"""`sfta show`: the recipe with every default filled in."""

from pathlib import Path

import click
import yaml

from sfta.cli.options import JSON, RECIPE, SET
from sfta.cli.screen import print_json
from sfta.recipe import load_recipe


@click.command("show")
@RECIPE
@SET
@JSON
def command(recipe: Path, assignments: tuple[str, ...], as_json: bool) -> None:
    """Print RECIPE as it will be used: checked, every default filled in.

    Example: sfta show configs/quickstart/quickstart.yaml --set train.epochs=3
    """
    settings = load_recipe(recipe, assignments).model_dump(mode="json")
    if as_json:
        print_json(settings)
    else:
        click.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), nl=False)
