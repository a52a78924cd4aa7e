"""``sfta-edge selftest``: the golden questions of a bundle, asked on this device."""

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


@click.command("selftest")
@root_option
@bundle_option
@threads_option
@json_option
def command(root: Path, bundle: Path | None, threads: int | None, as_json: bool) -> None:
    """Ask the golden questions and compare with what was measured when the bundle was made.

    An update is tried like this before it may answer. Example:

        sfta-edge selftest
    """
    from sfta_edge.appliance import Appliance
    from sfta_edge.errors import SftaError
    from sfta_edge.golden import GOLDEN_FILE, Golden, examine_golden

    folder = bundle_folder(root, bundle)
    with Appliance.open(folder, threads=threads) as appliance:
        path = folder / GOLDEN_FILE
        golden = Golden.read(path) if path.exists() else Golden(())
        found = examine_golden(appliance.answerer.ask, golden.questions)
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    for question in found.wrong:
        click.echo(f"otherwise  {question}")
    click.echo(
        f"{found.held} of {found.asked} golden questions as measured, "
        f"{found.seconds:.1f} s an answer, {found.peak_bytes >> 20} MiB"
    )
    if not found.passed:
        raise SftaError("this device does not answer as measured", hint="Run sfta-edge doctor.")
