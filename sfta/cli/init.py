"""`sfta init`: a recipe to start from."""

from pathlib import Path

import click

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
def command(folder: Path) -> None:
    """Make FOLDER with a recipe and an empty folder for documents.

    Example: sfta init pumps
    """
    recipe = folder / "recipe.yaml"
    if recipe.exists():
        raise ConfigError(f"{recipe} exists already", hint="Choose another folder.")
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in folder.resolve().name.lower()).strip("-")
    recipe.write_text(_RECIPE.format(name=name or "my-model", file=recipe), "utf-8")
    click.echo(f"recipe: {recipe}\nnext: put documents into {folder / 'documents'}, then"
               f" sfta run {recipe}")
