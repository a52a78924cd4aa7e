"""``sfta-edge status``: what is installed and which bundle answers."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import json_option, root_option


@click.command("status")
@root_option
@json_option
def command(root: Path, as_json: bool) -> None:
    """Say what is installed and which bundle answers.

    Reads a few small files; `doctor` checks every byte. Example:

        sfta-edge status
    """
    from sfta_edge.device_status import device_status

    facts = device_status(root.expanduser())
    if as_json:
        click.echo(json.dumps(facts))
        return
    if not facts["slots"]:
        click.echo(f"nothing is installed in {facts['root']}")
        click.echo("next: sfta-edge install BUNDLE --key KEY", err=True)
        return
    for name, slot in facts["slots"].items():
        mark = "answers" if slot["active"] else "spare"
        click.echo(
            f"{name}  {mark:7}  {slot['name']} {slot['counter']}  digest {slot['digest'][:16]}"
            f"  key {slot['key'][:16]}"
        )
    if facts["probation"]:
        click.echo("the active bundle is new and has to prove itself by serving")
    if facts["reason"]:
        click.echo(f"the bundle before was left: {facts['reason']}")
    if facts["stays"]:
        click.echo(f"the active bundle did not prove itself and stays: {facts['stays']}")
    sealed = (
        "no way out of this network" if facts["offline"]["sealed"] else "it could reach out"
    )
    click.echo(f"{facts['disk']['free'] >> 20} MiB of disk free, {sealed}")
    click.echo('next: sfta-edge ask "..."', err=True)
