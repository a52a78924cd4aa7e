"""`sfta chat`: a model tried by hand."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfta.cli.options import JSON, RECIPE, SET, make_runtime, runtime_options
from sfta.core.stage import Runtime
from sfta.recipe import Recipe, load_recipe
from sfta_edge.errors import ConfigError, SftaError

if TYPE_CHECKING:
    from sfta.stages.trial import Asked
    from sfta_edge.reply import Answer


@click.command("chat")
@RECIPE
@click.argument("question", required=False)
@click.option(
    "--model",
    default="trained",
    show_default=True,
    metavar="MODEL",
    help="trained, base, a GGUF file, an adapter's folder or a model's folder.",
)
@click.option(
    "--endpoint",
    nargs=2,
    metavar="URL MODEL",
    help="Ask a model behind an OpenAI-compatible endpoint instead.",
)
@click.option("--api-key-env", metavar="NAME", help="Variable that holds the endpoint's key.")
@click.option(
    "--documents",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Files or folders to answer from, instead of the recipe's. May be repeated.",
)
@click.option("--context", is_flag=True, help="Show the chunks that the model was given.")
@SET
@runtime_options
@JSON
def command(
    recipe: Path,
    question: str | None,
    model: str,
    endpoint: tuple[str, str] | None,
    api_key_env: str | None,
    documents: tuple[Path, ...],
    *,
    context: bool,
    assignments: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Ask a model about the documents of RECIPE: one QUESTION, or many, line by line.

    Each question is searched and answered by itself, as on the device. A line that begins with +
    goes on with the question before it: both are asked as one.

    Example: sfta chat configs/quickstart/quickstart.yaml "How often is the oil changed?"
    """
    settings, runtime = _settings(recipe, assignments, documents), make_runtime(**options)
    with _opened(settings, runtime, model, endpoint, api_key_env) as asked:
        for number, text in enumerate([question] if question else _followed(_lines())):
            if number and not as_json:
                click.echo()
            try:
                answer = asked.ask(text)
            except SftaError as error:
                if question:
                    raise
                click.echo(f"error: {error}", err=True)
                continue
            if as_json:
                click.echo(json.dumps({"question": text, **answer.to_json()}))
            else:
                _show(answer, context=context)


def _settings(
    recipe: Path, assignments: tuple[str, ...], documents: tuple[Path, ...]
) -> Recipe:
    if not documents:
        return load_recipe(recipe, assignments)
    # From the recipe's folder, as its own sources.
    sources = [os.path.relpath(path, recipe.parent) for path in documents]
    return load_recipe(recipe, [*assignments, f"ingest.sources={json.dumps(sources)}"])


def _opened(
    settings: Recipe,
    runtime: Runtime,
    model: str,
    endpoint: tuple[str, str] | None,
    key_variable: str | None,
) -> AbstractContextManager["Asked"]:
    # Loaded here: `sfta --help` must not wait for llama.cpp.
    if endpoint is not None:
        from sfta.stages.trial_endpoint import open_endpoint

        return open_endpoint(settings, runtime, *endpoint, key_variable)
    if key_variable is not None:
        raise ConfigError("--api-key-env has a meaning with --endpoint only")
    from sfta.stages.trial import open_trial

    return open_trial(settings, runtime, model)


def _lines() -> Iterator[str]:
    """Questions as they are typed or piped; an empty line is none."""
    shown = sys.stdin.isatty()
    while True:
        if shown:
            click.echo("? ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _followed(lines: Iterable[str]) -> Iterator[str]:
    """Questions, each as it is asked: one that begins with + follows the one before it."""
    before = ""
    for line in lines:
        asked = line.removeprefix("+").strip()
        before = f"{before} {asked}".strip() if line.startswith("+") else asked
        if before:
            yield before


def _show(answer: "Answer", *, context: bool) -> None:
    from sfta_edge.cli.ask import show

    if context:
        for number, hit in enumerate(answer.hits, 1):
            chunk = hit.chunk
            click.echo(f"[{number}] {chunk.title}, page {chunk.page}, {chunk.heading}")
            click.echo(f"{chunk.text}\n")
    show(answer)
