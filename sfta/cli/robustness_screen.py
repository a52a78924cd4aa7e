"""The robustness on a terminal: the sentences of every probe, arm by arm."""

from collections.abc import Mapping
from typing import Any

import click

_WIDTH = 96


def print_robustness(record: Mapping[str, Any]) -> None:
    """What each disturbance costs, and what limits the numbers."""
    for probe in record["probes"]:
        click.echo(f"\n{probe['name'].replace('_', ' ')}")
        for arm, label in record["arms"].items():
            said = " ".join(probe["sentences"][arm])
            if said:
                click.echo(_indented(f"{label}: {said}"))
    click.echo()
    for note in record["notes"]:
        click.echo(_indented(note))


def _indented(text: str) -> str:
    wrapped: str = click.wrap_text(
        text, width=_WIDTH, initial_indent="  ", subsequent_indent="    "
    )
    return wrapped
