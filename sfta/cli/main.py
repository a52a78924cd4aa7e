"""The `sfta` command: every subcommand is a file of its own, loaded when it is called."""

import importlib
import logging
import sys
from typing import Any

import click

from sfta import __version__
from sfta_edge.errors import SftaError

STAGE_COMMANDS = (
    "ingest",
    "chunk",
    "index",
    "generate",
    "adopt",
    "train",
    "prefer",
    "train-retriever",
    "merge",
    "export",
    "export-onnx",
    "evaluate",
    "ladder",
    "robustness",
    "bundle",
)
COMMANDS: tuple[str, ...] = (
    "run",
    *STAGE_COMMANDS,
    "sweep",
    *("chat", "init", "show", "plan", "runs", "inspect", "review", "convert", "compare"),
    "questions",
    "hand-over",
    "fleet",
    "keygen",
    "trust",
    "doctor",
)


class LazyGroup(click.Group):
    """Finds the file of a subcommand by name, so that `sfta --help` loads nothing heavy."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        """All names, in pipeline order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 same
        """Load one command."""
        if cmd_name in STAGE_COMMANDS:
            module = importlib.import_module("sfta.cli.stage")
            command: click.Command = module.COMMANDS[cmd_name]
            return command
        if cmd_name not in COMMANDS:
            return None
        file = cmd_name.replace("-", "_")
        found: click.Command = importlib.import_module(f"sfta.cli.{file}").command
        return found


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(__version__, prog_name="sfta")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Everything on stderr, libraries included.")
def cli(quiet: bool, verbose: bool) -> None:
    """From documents to a small model that answers offline.

    Example: sfta run configs/quickstart/quickstart.yaml
    """
    _configure_logging(quiet=quiet, verbose=verbose)


def main() -> None:
    """Run; the only place that turns an error into a message and an exit code."""
    try:
        cli()
    except SftaError as error:
        for line in str(error).splitlines():
            click.echo(f"error: {line}" if not line.startswith(" ") else line, err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full disk or a missing permission is the machine's state, not a defect.
        where = f" ({error.filename})" if error.filename else ""
        click.echo(f"error: {error.strerror or error}{where}", err=True)
        hint = "Check free disk space and permissions; finished stages are kept."
        click.echo(f"hint: {hint}", err=True)
        sys.exit(1)


def _configure_logging(*, quiet: bool, verbose: bool) -> None:
    level = logging.WARNING if quiet else logging.INFO
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("sfta")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else level)
    logger.propagate = False
    if verbose:
        logging.getLogger().addHandler(handler)
        return
    _silence_libraries()


def _silence_libraries() -> None:
    """Progress bars and notices of libraries stay off; their errors are still raised."""
    import os

    quiet: dict[str, Any] = {
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "BITSANDBYTES_NOWELCOME": "1",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    import warnings

    warnings.filterwarnings(
        "ignore", module=r"(torch|transformers|peft|bitsandbytes|trl)(\..*)?"
    )
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
