"""``sfta-edge status``: what is installed and which bundle answers."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
    from sfta_edge.slots import read_state

    state = read_state(root.expanduser())
    facts: dict[str, Any] = {"root": str(root.expanduser()), "active": state.active}
    facts |= {"probation": bool(state.probation), "reason": state.reason}
    facts["slots"] = {
        name: {**asdict(slot), "active": name == state.active}
        for name, slot in sorted(state.slots.items())
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    if not state.slots:
        click.echo(f"nothing is installed in {facts['root']}")
        click.echo("next: sfta-edge install BUNDLE --key KEY", err=True)
        return
    for name, slot in facts["slots"].items():
        mark = "answers" if slot["active"] else "spare"
        click.echo(
            f"{name}  {mark:7}  {slot['name']} {slot['counter']}  digest {slot['digest'][:16]}"
            f"  key {slot['key'][:16]}"
        )
    if state.probation:
        click.echo("the active bundle is new and has to prove itself by serving")
    if state.reason:
        click.echo(f"the bundle before was left: {state.reason}")
    click.echo('next: sfta-edge ask "..."', err=True)
