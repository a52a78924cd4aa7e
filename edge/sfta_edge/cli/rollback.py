"""``sfta-edge rollback``: back to the bundle before."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import json_option, root_option


@click.command("rollback")
@root_option
@click.option("--reason", default="", help="Why; `status` shows it.")
@json_option
def command(root: Path, reason: str, as_json: bool) -> None:
    """Make the bundle in the other slot the one that answers.

    Its signature and files are checked before. Example:

        sfta-edge rollback
    """
    from sfta_edge import slots

    state = slots.rollback(root.expanduser(), reason)
    current = state.current
    name, counter = (current.name, current.counter) if current else ("", 0)
    if as_json:
        click.echo(json.dumps({"active": state.active, "name": name, "counter": counter}))
        return
    click.echo(f"{name} {counter} in slot {state.active} answers now")
    click.echo("next: sfta-edge status", err=True)
