"""One command per stage: run it and what it needs."""

from pathlib import Path
from typing import Any

import click

from sfta.cli.main import STAGE_COMMANDS
from sfta.cli.options import JSON, RECIPE, SET, make_runtime, runtime_options
from sfta.cli.screen import print_outcomes
from sfta.recipe import load_recipe

_PROMISES = {
    "ingest": "Read the documents: text, pages, tables, boxes; bad files are set aside.",
    "chunk": "Cut the documents into chunks along their structure.",
    "index": "Make the knowledge file that ships: full text and vectors.",
    "generate": "Make RAFT rows: question, context, quotes, answer.",
    "train": "Fine-tune the base model on the rows.",
    "merge": "Merge the adapter into the 16-bit base model.",
    "export": "Convert, quantize and prove that the result is equal.",
    "evaluate": "Measure base and trained model through the code of the device.",
    "bundle": "Pack and sign what goes to the device.",
}


def _command(name: str) -> click.Command:
    promise = _PROMISES[name]

    @click.command(
        name,
        help=f"{promise}\n\nRuns the stages it needs first.\n\nExample: sfta {name} my.yaml",
    )
    @RECIPE
    @SET
    @runtime_options
    @JSON
    def run_one(
        recipe: Path, assignments: tuple[str, ...], as_json: bool, **options: Any
    ) -> None:
        from sfta.core.stage import Outcome, run_stages, select
        from sfta.stages.pipeline import STAGES

        settings = load_recipe(recipe, assignments)
        outcomes: list[Outcome] = []
        run_stages(
            select(STAGES, name), settings, make_runtime(**options), on_outcome=outcomes.append
        )
        print_outcomes(outcomes, as_json=as_json, recipe=recipe)

    return run_one


COMMANDS = {name: _command(name) for name in STAGE_COMMANDS}
