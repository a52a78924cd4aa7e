"""``sfta-edge bench``: how fast this device is, and how fast it could be at most."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import (
    bundle_folder,
    bundle_option,
    json_option,
    root_option,
    threads_option,
)


@click.command("bench")
@root_option
@bundle_option
@threads_option
@click.option(
    "--questions",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Most golden questions that are asked.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often each speed is measured; medians count.",
)
@json_option
def command(
    root: Path,
    bundle: Path | None,
    threads: int | None,
    questions: int,
    runs: int,
    as_json: bool,
) -> None:
    """Measure how fast this device answers from the installed bundle.

    Beside each speed stands the most that memory and arithmetic of this machine allow. Documents
    that were added on the device take no part. Example:

        sfta-edge bench --questions 10
    """
    from sfta_edge.bench.measured import measure_bundle
    from sfta_edge.bench.shown import bench_lines

    found = measure_bundle(
        bundle_folder(root, bundle),
        questions=questions,
        rounds=runs,
        threads=threads,
        say=lambda text: click.echo(text, err=True),
    )
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    for line in bench_lines(found):
        click.echo(line)
    click.echo("next: sfta-edge serve", err=True)
