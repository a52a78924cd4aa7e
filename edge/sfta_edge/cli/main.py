"""The program sfta-edge: finds the command, and is the only place that ends with an error."""

import importlib
import inspect
import logging
import re
import sys
from collections.abc import Sequence

import click

from sfta_edge import __version__
from sfta_edge.errors import SftaError
from sfta_edge.processor import check_processor

COMMANDS = {
    "ask": "Answer one question.",
    "serve": "Answer over HTTP, with a web page.",
    "ingest": "Read documents into the index of this device.",
    "verify": "Check a bundle's signature and files.",
    "install": "Put a bundle into the spare slot and switch to it.",
    "pack": "Write a bundle for small media, or only what changed.",
    "rollback": "Switch back to the bundle before.",
    "trust": "Say which keys may sign bundles.",
    "selftest": "Ask the golden questions of a bundle.",
    "status": "Say what is installed.",
    "audit": "Read, verify, export and redact the log of what happened.",
    "backup": "Write an encrypted backup.",
    "restore": "Put a backup in the place of the data.",
    "accounts": "List and change who may log in.",
    "bench": "Measure how fast this device is.",
    "doctor": "Check this device and what is installed.",
    "diagnostics": "Write a support bundle that names nobody and no document.",
}
"""Name and what the list of commands says; the code is in the module of the same name."""
_ANYWHERE = frozenset({"verify", "status", "rollback", "trust", "pack", "diagnostics"})
"""Commands that compute nothing: they load no package that needs a newer processor."""


class _Commands(click.Group):
    """Loads the module of a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 same
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in _ANYWHERE:
            check_processor()
        module = importlib.import_module(f"sfta_edge.cli.{cmd_name}")
        command: click.Command = module.command
        # Indented lines are examples: without this mark click joins them with the text.
        command.help = re.sub(r"\n\n(?=    )", "\n\n\b\n", inspect.cleandoc(command.help or ""))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 same
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sfta-edge")
def cli() -> None:
    """Answer questions from a signed bundle of documents, offline and with citations.

    Example:
        sfta-edge install manuals-3.tar --key maker.pem && sfta-edge ask "When is the oil due?"
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; the exit code says which family an error is of."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        cli.main(args=None if arguments is None else list(arguments))
    except SftaError as error:
        click.echo(f"error: {error}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full disk or a missing permission is the machine's state, not a defect.
        where = f" ({error.filename})" if error.filename else ""
        click.echo(f"error: {error.strerror or error}{where}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
