"""How far a long command is, in one line on stderr."""

from collections.abc import Callable

import click


def percent(verb: str) -> Callable[[int, int], None]:
    """Says each tenth that is done, so that a log of it stays short."""
    said = -1

    def say(done: int, whole: int) -> None:
        nonlocal said
        tenth = 10 * done // whole if whole else 10
        if tenth > said:
            said = tenth
            click.echo(f"{verb}: {10 * tenth} %", err=True)

    return say
