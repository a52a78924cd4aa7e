"""`sfta runs`: the artifacts there are."""

from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import figures, print_json, print_table


@click.command("runs")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of the artifacts.",
)
@JSON
def command(runs: Path, as_json: bool) -> None:
    """List every finished artifact, newest first.

    Example: sfta runs --json
    """
    from sfta.core.artifact import finished

    found = finished(runs)
    if as_json:
        print_json(
            [
                {"path": str(a.path), "kind": a.kind, "digest": a.digest, **a.manifest.facts}
                for a in found
            ]
        )
        return
    rows = [
        (str(a.path), a.kind, str(a.manifest.facts.get("made_at", "")), figures(a.metrics, 3))
        for a in found
    ]
    print_table(("artifact", "kind", "made at", "key figures"), rows)
    click.echo("\nnext: sfta inspect ARTIFACT")
