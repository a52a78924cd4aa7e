"""``sfta-edge ask``: one question, one answer, its quotes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sfta_edge.cli.options import (
    bundle_folder,
    bundle_option,
    json_option,
    own_knowledge,
    root_option,
    threads_option,
)

if TYPE_CHECKING:
    from sfta_edge.reply import Answer


@click.command("ask")
@click.argument("question")
@root_option
@bundle_option
@threads_option
@json_option
def command(
    question: str, root: Path, bundle: Path | None, threads: int | None, as_json: bool
) -> None:
    """Answer QUESTION from the installed bundle and the documents added on this device.

    Prints the answer, then each quote with its document and page. Example:

        sfta-edge ask "How often is the oil changed?"
    """
    from sfta_edge.appliance import Appliance

    own = own_knowledge(root)
    with Appliance.open(bundle_folder(root, bundle), threads=threads, own=own) as appliance:
        answer = appliance.answerer.ask(question)
        if as_json:
            click.echo(json.dumps(answer.to_json(appliance.info.to_json())))
            return
        show(answer)
        click.echo(f"from {appliance.info.name} {appliance.info.counter}", err=True)


def show(answer: "Answer") -> None:
    """Print an answer for a person: result on stdout, remarks on stderr."""
    click.echo(answer.answer)
    for citation in answer.citations:
        if citation.verified:
            click.echo(f'\n{citation.title}, page {citation.page}\n  "{citation.quote}"')
    unverified = sum(not citation.verified for citation in answer.citations)
    if unverified:
        click.echo(f"note: {unverified} quote(s) do not stand in the documents", err=True)
    if not answer.refused and not answer.supported:
        click.echo("note: no quote supports this answer; do not rely on it", err=True)
    if answer.finish_reason in ("length", "deadline"):
        click.echo(f"note: the answer was cut off ({answer.finish_reason})", err=True)
    if answer.dropped:
        click.echo(
            f"note: {len(answer.dropped)} chunk(s) did not fit and were left out", err=True
        )
