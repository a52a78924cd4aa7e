"""`sfta inspect`: what is inside one artifact."""

from pathlib import Path
from typing import Any

import click

from sfta.cli.options import CACHE, JSON
from sfta.cli.screen import print_json, print_table
from sfta.raft.splits import SPLITS


@click.command("inspect")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--rows", default=3, show_default=True, help="Rows to show of a dataset.")
@click.option("--kind", help="Only rows of this kind.")
@click.option("--split", type=click.Choice(SPLITS), help="Only rows of this split.")
@click.option(
    "--rejected",
    metavar="REASON",
    help="Show rejected rows whose reason holds this text; '' shows all.",
)
@click.option(
    "--model",
    metavar="BASE",
    help="Student whose tokens are shown; by default the one of the rows' corpus.",
)
@CACHE
@JSON
def command(
    artifact: Path,
    *,
    rows: int,
    kind: str | None,
    split: str | None,
    rejected: str | None,
    model: str | None,
    cache: Path,
    as_json: bool,
) -> None:
    """Verify ARTIFACT file by file, then print its facts and figures.

    Of a dataset also: rows, the funnel from candidates to rows, and three rows as training
    sees them, with the tokens that carry loss marked.

    Example: sfta inspect runs/generate/0123456789abcdef --rows 5
    """
    from sfta.core.artifact import Artifact

    found = Artifact.open(artifact)
    found.verify()
    facts: dict[str, Any] = {
        "kind": found.kind,
        "digest": found.digest,
        "files": {entry.path: entry.size for entry in found.manifest.files},
        **found.manifest.facts,
    }
    if not as_json:
        made = facts.get("made_at", "?")
        click.echo(f"{found.kind}  {found.digest}\nmade at {made}, verified")
        print_table(("file", "bytes"), [(e.path, str(e.size)) for e in found.manifest.files])
        for name, value in found.metrics.items():
            click.echo(f"{name}: {value}")
    if found.kind == "dataset":
        # Loaded here: other artifacts need no rows.
        from sfta.cli.dataset_screen import dataset_facts, print_dataset
        from sfta.stages.dataset_folder import open_dataset
        from sfta.stages.dataset_view import choose_rows, try_masked_rows

        dataset = open_dataset(artifact)
        chosen = choose_rows(dataset, kind=kind, split=split, rejected=rejected)
        usable = chosen if rejected is None and rows > 0 else []
        masked, why_not = try_masked_rows(dataset, usable, model, cache.expanduser())
        if as_json:
            facts |= dataset_facts(dataset, chosen, rows, masked)
        else:
            print_dataset(dataset, chosen, rows, masked, why_not)
    if as_json:
        print_json(facts)
