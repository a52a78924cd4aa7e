"""`sfta inspect`: what is inside one artifact."""

from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json, print_table


@click.command("inspect")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--rows", default=3, show_default=True, help="Rows to show of a dataset.")
@JSON
def command(artifact: Path, rows: int, as_json: bool) -> None:
    """Verify ARTIFACT file by file, then print its facts, figures and first rows.

    Example: sfta inspect runs/generate/0123456789abcdef --rows 5
    """
    from sfta.core.artifact import Artifact

    found = Artifact.open(artifact)
    found.verify()
    facts = {
        "kind": found.kind,
        "digest": found.digest,
        "files": {entry.path: entry.size for entry in found.manifest.files},
        **found.manifest.facts,
    }
    if as_json:
        print_json(facts)
        return
    click.echo(f"{found.kind}  {found.digest}\nmade at {facts.get('made_at', '?')}, verified")
    print_table(("file", "bytes"), [(e.path, str(e.size)) for e in found.manifest.files])
    for name, value in found.metrics.items():
        click.echo(f"{name}: {value}")
    if found.kind == "dataset":
        _print_rows(found.path / "train.jsonl", rows)


def _print_rows(path: Path, count: int) -> None:
    import json

    with path.open(encoding="utf-8") as lines:
        for line, _ in zip(lines, range(count), strict=False):
            row = json.loads(line)
            roles = " ".join(entry["role"] for entry in row["context"])
            click.echo(f"\n{row['id']}  {row['kind']}  context: {roles}\nQ: {row['question']}")
            click.echo(row["completion"])
