"""Options and arguments that several commands share."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from sfta.core.stage import Runtime
from sfta.recipe import Recipe, load_recipe

RECIPE = click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
SET = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting, as in train.lora.rank=8. May be repeated.",
)
DATASET = click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Train on the rows of a file or folder instead of generated ones.",
)
_DEFAULT = Runtime()
CACHE = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=_DEFAULT.cache,
    show_default=True,
    envvar="SFTA_CACHE",
    help="Folder of prepared models, tools and results of records.",
)

_RUNTIME = (
    click.option(
        "--runs",
        type=click.Path(path_type=Path),
        default=_DEFAULT.runs,
        show_default=True,
        help="Folder of the artifacts.",
    ),
    CACHE,
    click.option(
        "--workers",
        type=click.IntRange(min=0),
        default=_DEFAULT.workers,
        show_default=True,
        help="Processes for parsing; 0 means one per core.",
    ),
    click.option(
        "--executor",
        type=click.Choice(["local", "ray"]),
        default=_DEFAULT.executor,
        show_default=True,
        help="Where documents are read, cut, embedded and asked about: here, or on Ray.",
    ),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default=_DEFAULT.device,
        show_default=True,
        help="Where training runs.",
    ),
    click.option(
        "--key",
        type=click.Path(path_type=Path),
        envvar="SFTA_SIGNING_KEY",
        help="Private key that signs the bundle; see `sfta keygen`.",
    ),
)


def runtime_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where and how to run; none of it changes the result."""
    for option in reversed(_RUNTIME):
        command = option(command)
    return command


def read_recipe(path: Path, assignments: Sequence[str], dataset: Path | None = None) -> Recipe:
    """The recipe with what the command line changes; `--dataset` is `dataset.file`."""
    if dataset is None:
        return load_recipe(path, assignments)
    # From the recipe's folder, as in the file: the same rows have the same name from anywhere.
    name = os.path.relpath(dataset, path.parent)
    return load_recipe(path, [*assignments, f"dataset.file={json.dumps(name)}"])


def make_runtime(
    *, runs: Path, cache: Path, workers: int, executor: str, device: str, key: Path | None
) -> Runtime:
    """The options as a value, with home folders spelled out."""
    return Runtime(
        runs=runs,
        cache=cache.expanduser(),
        workers=workers,
        executor=executor,
        device=device,
        signing_key=key,
    )
