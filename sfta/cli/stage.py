"""One command per stage: run it and what it needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sfta.cli.estimate_screen import print_estimate
from sfta.cli.main import STAGE_COMMANDS
from sfta.cli.options import (
    DATASET,
    JSON,
    RECIPE,
    SET,
    make_runtime,
    read_recipe,
    runtime_options,
)
from sfta.cli.screen import print_outcomes
from sfta.core.stage import Outcome, Runtime
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError

_PROMISES = {
    "ingest": "Read the documents: text, pages, tables, boxes; bad files are set aside.",
    "chunk": "Cut the documents into chunks along their structure.",
    "index": "Make the knowledge file that ships: full text and vectors.",
    "generate": "Make RAFT rows: question, context, quotes, answer.",
    "adopt": "Take the rows of a file instead of generated ones: check and divide them.",
    "train": "Fine-tune the base model on the rows.",
    "prefer": "Let the trained model prefer grounded answers (DPO); section `preference`.",
    "train-retriever": "Fine-tune the embedder on the questions; only a better one is kept.",
    "merge": "Merge the adapter into the 16-bit base model.",
    "export": "Convert, quantize and prove that the result is equal.",
    "export-onnx": "Make ONNX of the model and the embedder, and prove that it is equal.",
    "evaluate": "Measure base and trained model through the code of the device.",
    "ladder": "Say what each exported scheme loses in the task, and which is the smallest to ship.",
    "robustness": "Ask with more, wrong, contradicting and hostile documents, and in other words.",
    "bundle": "Pack and sign what goes to the device.",
}


_ON_DOCUMENTS = ("ingest", "chunk", "index", "generate")


def _command(name: str) -> click.Command:
    promise = _PROMISES[name]
    example = " --dataset rows.jsonl" if name == "adopt" else ""

    @click.command(
        name,
        help=f"{promise}\n\nRuns the stages it needs first.\n\n"
        f"Example: sfta {name} my.yaml{example}",
    )
    @RECIPE
    @SET
    @_dataset_option(name)
    @_dry_run_option(name)
    @runtime_options
    @JSON
    def run_one(
        recipe: Path,
        assignments: tuple[str, ...],
        as_json: bool,
        dataset: Path | None = None,
        dry_run: bool = False,  # noqa: FBT002 click passes it by name
        **options: Any,
    ) -> None:
        settings, runtime = read_recipe(recipe, assignments, dataset), make_runtime(**options)
        if dry_run:
            _print_estimate(settings, runtime, as_json=as_json)
            return
        # Of several processes only the first has something to say.
        if outcomes := _outcomes(name, settings, runtime):
            print_outcomes(outcomes, as_json=as_json, recipe=recipe, dataset=dataset)

    return run_one


def _outcomes(name: str, settings: Recipe, runtime: Runtime) -> list[Outcome]:
    """Run a stage and what it needs."""
    from sfta.core.stage import run_stages, select
    from sfta.stages.pipeline import stages_beside, stages_of
    from sfta.stages.together import processes, train_together

    if name == "adopt" and settings.dataset.file is None:
        raise ConfigError(
            "there is no file of rows to adopt", hint="Name one with --dataset FILE."
        )
    if name == "prefer" and settings.preference is None:
        raise ConfigError(
            "the recipe has no preferences", hint="Add a section `preference: {}` to it."
        )
    outcomes: list[Outcome] = []
    run = train_together if processes() > 1 else run_stages
    stages = select((*stages_of(settings), *stages_beside(settings)), name)
    run(stages, settings, runtime, on_outcome=outcomes.append)
    return outcomes


def _dataset_option(name: str) -> Callable[[Any], Any]:
    """Stages that come before the rows take no rows."""
    return DATASET if name not in _ON_DOCUMENTS else lambda command: command


def _dry_run_option(name: str) -> Callable[[Any], Any]:
    """Only the stage that may cost money says beforehand how much."""
    if name != "generate":
        return lambda command: command
    return click.option(
        "--dry-run",
        is_flag=True,
        help="Only say how many calls to the teacher, tokens and money it would take.",
    )


def _print_estimate(recipe: Recipe, runtime: Runtime, *, as_json: bool) -> None:
    from sfta.stages.teacher_estimate import corpus_of, estimate_asking

    corpus = corpus_of(recipe, runtime)
    print_estimate(estimate_asking(recipe, corpus, runtime.cache).to_json(), as_json=as_json)


COMMANDS = {name: _command(name) for name in STAGE_COMMANDS}
