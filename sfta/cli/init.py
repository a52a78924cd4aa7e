"""`sfta init`: a recipe to start from."""

import re
from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json
from sfta_edge.errors import ConfigError

_RECIPE = """\
# A recipe: everything that decides what comes out. All keys: configs/reference.yaml.
# Run it with: sfta run {file}
name: {name}
seed: 7
ingest:
  sources: [documents]          # files, folders, globs or URLs; relative to this file
model:
  base: HuggingFaceTB/SmolLM2-360M-Instruct
"""


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@JSON
def command(folder: Path, as_json: bool) -> None:
    """Make FOLDER with a recipe and an empty folder for documents.

    Example: sfta init pumps
    """
    recipe = folder / "recipe.yaml"
    if recipe.exists():
        raise ConfigError(f"{recipe} exists already", hint="Choose another folder.")
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower())[:63].strip("-")
    recipe.write_text(_RECIPE.format(name=name or "my-model", file=recipe), "utf-8")
    if as_json:
        print_json({"recipe": str(recipe), "documents": str(folder / "documents")})
        return
    click.echo(f"recipe: {recipe}")
    click.echo(f"next: put documents into {folder / 'documents'}, then sfta run {recipe}")
