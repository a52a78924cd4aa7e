"""``sfta-edge diagnostics``: what a technician needs to see, in one file that names nobody."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import json_option, root_option

_READ = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("diagnostics")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@root_option
@click.option(
    "--label", default="", help="Name for the device in the file, as `sfta fleet` shows it."
)
@click.option("--log", type=_READ, help="Add the newest lines of this log, redacted.")
@click.option("--metrics", type=_READ, help="Add what /metrics has said, saved in this file.")
@click.option(
    "--doctor/--no-doctor",
    default=True,
    help="Load the model and ask it a question, as `doctor` does.",
)
@json_option
def command(
    out: Path,
    *,
    root: Path,
    label: str,
    log: Path | None,
    metrics: Path | None,
    doctor: bool,
    as_json: bool,
) -> None:
    """Write a support bundle to OUT, a .zip: status, findings, versions, sizes, checks, counts.

    No question, answer, document, name, address or secret is in it; a list in the file says what
    was left out. Works on a broken device, and writes nothing but OUT. Example:

        sfta-edge diagnostics /media/stick/plant-1.zip --label plant-1
    """
    from sfta_edge.diagnostics.collection import Wanted, collected
    from sfta_edge.diagnostics.examination import Doctor
    from sfta_edge.diagnostics.packing import packed, refuse_to_replace, write_new

    refuse_to_replace(out)
    click.echo("looking at every part; large databases take a while", err=True)
    wanted = Wanted(label, log, metrics, Doctor() if doctor else None)
    parts = collected(root.expanduser(), wanted)
    content = packed(parts)
    write_new(out, content)
    problems = json.loads(parts["left-out.json"])["problems"]
    if as_json:
        told = {"path": str(out), "bytes": len(content), "parts": sorted(parts)}
        click.echo(json.dumps({**told, "problems": problems}))
    else:
        click.echo(f"{out}: {len(parts)} parts, {len(content)} bytes")
        for name, why in problems.items():
            click.echo(f"{name} could not be made: {why}", err=True)
    click.echo(f"next: look through {out}, then send it", err=True)
