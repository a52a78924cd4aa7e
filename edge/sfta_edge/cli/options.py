"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

DEFAULT_ROOT = Path("~/.local/share/sfta")
_F = TypeVar("_F", bound=Callable[..., Any])

root_option = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_ROOT,
    envvar="SFTA_ROOT",
    show_default=True,
    help="Installation folder; also read from SFTA_ROOT.",
)
bundle_option = click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a bundle, instead of the installed one. Its signature is not checked.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def threads_option(command: _F) -> _F:
    """``--threads``."""
    option = click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Threads that compute. Default: one per physical core.",
    )
    return option(command)


def bundle_folder(root: Path, bundle: Path | None) -> Path:
    """The folder that answers: the one given, or the active slot.

    Raises:
        ConfigError: nothing is installed.
    """
    from sfta_edge.slots import active_slot

    return bundle if bundle is not None else active_slot(root.expanduser())


def own_knowledge(root: Path) -> Path:
    """Where the documents of the device itself are found, if there are any."""
    from sfta_edge.library.library import KNOWLEDGE

    return root.expanduser() / "data" / KNOWLEDGE
