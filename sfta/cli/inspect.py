"""`sfta inspect`: what is inside one artifact."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfta.cli.options import CACHE, JSON
from sfta.cli.screen import print_json, print_table
from sfta.raft.splits import SPLITS

if TYPE_CHECKING:
    from sfta.core.artifact import Artifact


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
    sees them, with the tokens that carry loss marked. Of a report the base model against the
    trained one, and the gates. Of a ladder every rung, and what each scheme
    has lost. Of a robustness what every disturbance costs.

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
        _print_artifact(found)
    if found.kind == "dataset":
        # Loaded here: other artifacts need no rows.
        from sfta.cli.dataset_screen import look_into

        wanted = {"kind": kind, "split": split, "rejected": rejected}
        facts |= look_into(artifact, wanted, rows, model, cache.expanduser(), quiet=as_json)
    if as_json:
        print_json(facts)
    else:
        _print_table_of(found)


def _print_artifact(artifact: "Artifact") -> None:
    made = artifact.manifest.facts.get("made_at", "?")
    click.echo(f"{artifact.kind}  {artifact.digest}\nmade at {made}, verified")
    print_table(("file", "bytes"), [(e.path, str(e.size)) for e in artifact.manifest.files])
    for name, value in artifact.metrics.items():
        click.echo(f"{name}: {value}")


def _print_table_of(artifact: "Artifact") -> None:
    """Of kinds that compare something, the comparison."""
    if artifact.kind == "report":
        from sfta.cli.report_screen import print_report
        from sfta.evaluation.config import BASELINE, CANDIDATE

        report = json.loads(artifact.file("report.json").read_text("utf-8"))
        print_report(report, (BASELINE, CANDIDATE))
    if artifact.kind == "ladder":
        from sfta.cli.ladder_screen import print_ladder

        print_ladder(json.loads(artifact.file("ladder.json").read_text("utf-8")))
    if artifact.kind == "robustness":
        from sfta.cli.robustness_screen import print_robustness

        print_robustness(json.loads(artifact.file("robustness.json").read_text("utf-8")))
