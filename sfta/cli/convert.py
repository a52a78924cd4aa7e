"""`sfta convert`: rows from one format into another."""

import logging
from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json
from sfta.core.columns import read_columns
from sfta.raft.formats import FORMATS
from sfta.raft.intake.reading import FORMATS as READ
from sfta.raft.splits import SPLITS

log = logging.getLogger("sfta")


@click.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Choice([*FORMATS, "datasets"]),
    required=True,
    help="Format of the rows in OUT.",
)
@click.option("--split", type=click.Choice(SPLITS), help="Only the rows of one split.")
@click.option(
    "--from", "origin", type=click.Choice(READ), help="Format of SOURCE, if not recognised."
)
@click.option(
    "--columns",
    metavar="PART=NAME,...",
    help="Columns of a table, as in question=Frage,answer=Antwort.",
)
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    help="Recipe whose prompt spells the answers of a file; a dataset knows its own.",
)
@click.option("--plain", is_flag=True, help="Only the format's own keys, no provenance.")
@JSON
def command(
    source: Path,
    out: Path,
    *,
    target: str,
    split: str | None,
    origin: str | None,
    columns: str | None,
    recipe: Path | None,
    plain: bool,
    as_json: bool,
) -> None:
    """Write the rows of SOURCE, a dataset artifact or a file of rows, to OUT.

    OUT ends in .jsonl or .parquet; without a suffix it is a folder with a file for each split.

    Example: sfta convert runs/generate/0123456789abcdef rows.jsonl --to chat --split train
    """
    from sfta.raft.config import PromptConfig
    from sfta.raft.intake.reading import Reading
    from sfta.recipe import load_recipe
    from sfta.stages.conversion import Wanted, convert

    prompt = load_recipe(recipe).prompt if recipe else PromptConfig()
    reading = Reading(prompt, origin or "", read_columns(columns))
    done = convert(source, out, Wanted(target, split, provenance=not plain), reading)
    if as_json:
        print_json(done)
        return
    for line in done["remarks"]:
        log.warning("%s", line)
    splits = ", ".join(f"{name} {count}" for name, count in done["rows_by_split"].items())
    click.echo(f"{done['rows']} rows ({splits}) as {target}: {out}")
    if len(done["rows_by_split"]) > 1 and out.suffix and target != "rows":
        log.warning("%s holds all splits, test rows too; --split writes one", out)
    if target in ("rows", "datasets"):
        click.echo(f"next: sfta train RECIPE --dataset {out}")
