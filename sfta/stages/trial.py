"""A model tried by hand: the recipe's own, its base, a file or folder, over the recipe's index.

What is not made yet is made as far as it is cheap: documents are read and indexed, an adapter is
merged and converted. Nothing is trained.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sfta.core.artifact import Artifact
from sfta.core.stage import Runtime, plan_stages, run_stages, select
from sfta.evaluation.config import BASE
from sfta.evaluation.prompting import told
from sfta.recipe import Recipe
from sfta.stages.answer_facts import answer_facts
from sfta.stages.compared_models import named_model, scheme_of
from sfta.stages.index import open_retriever
from sfta.stages.pipeline import stages_of
from sfta_edge.answer import Answer, Answerer
from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.retriever import Retriever
from sfta_edge.settings import AnswerSettings

TRAINED = "trained"


class Asked(Protocol):
    """What answers a question."""

    def ask(self, question: str) -> Answer:
        """The answer, with what was found for it."""


@contextmanager
def open_index(recipe: Recipe, runtime: Runtime) -> Iterator[Retriever]:
    """The recipe's index, made if it is missing, ready to be searched."""
    index = run_stages(select(stages_of(recipe), "index"), recipe, runtime)["index"]
    with open_retriever(index.path, recipe.retrieval.candidates) as retriever:
        yield retriever


@contextmanager
def open_trial(recipe: Recipe, runtime: Runtime, model: str) -> Iterator[Asked]:
    """A model with the recipe's index, ready to be asked.

    Args:
        recipe: names base, documents and prompt.
        runtime: where the artifacts lie.
        model: `trained`, `base`, a GGUF file, or a folder: an adapter, or a whole model.

    Raises:
        ConfigError: there is no such model, or it was not trained yet.
    """
    with open_index(recipe, runtime) as retriever:
        file, contract, settings = _model(recipe, runtime, model)
        with Engine(file, context_tokens=recipe.evaluate.context_tokens) as engine:
            yield Answerer(engine, retriever, contract, settings)


def _model(
    recipe: Recipe, runtime: Runtime, model: str
) -> tuple[Path, PromptContract, AnswerSettings]:
    """File, prompt and settings of a model."""
    if model == TRAINED:
        made = _trained(recipe, runtime)
        contract = PromptContract.read(made["gguf"].file(PROMPT_FILE))
        settings = _measured(recipe, runtime) or _plain(recipe)
        return made["gguf"].file(f"model-{scheme_of(recipe)}.gguf"), contract, settings
    # From where the command is given, not from the recipe's folder.
    named = named_model(recipe, runtime, BASE if model == BASE else str(Path(model).absolute()))
    contract = named.contract if named.trained else told(named.contract)
    return named.file, contract, _plain(recipe)


def _trained(recipe: Recipe, runtime: Runtime) -> dict[str, Artifact]:
    """Everything up to the export; the adapter must be there."""
    if "adapter" not in _finished(recipe, runtime):
        raise ConfigError(
            "this recipe has not been trained yet",
            hint="Run `sfta train` on it, or try the base with --model base.",
        )
    return run_stages(select(stages_of(recipe), "export"), recipe, runtime)


def _finished(recipe: Recipe, runtime: Runtime) -> dict[str, Artifact]:
    """Artifacts of the recipe that are there, by kind."""
    stages = select(stages_of(recipe), "evaluate")
    kinds = {stage.name: stage.makes for stage in stages}
    return {
        kinds[planned.stage]: Artifact.open(planned.path)
        for planned in plan_stages(stages, recipe, runtime)
        if planned.state == "reuse" and planned.path is not None
    }


def _measured(recipe: Recipe, runtime: Runtime) -> AnswerSettings | None:
    """The settings that the evaluation has fitted, if there was one."""
    report = _finished(recipe, runtime).get("report")
    if report is None:
        return None
    found = json.loads(report.file("report.json").read_bytes())
    return AnswerSettings.from_facts(answer_facts(found, recipe.retrieval.candidates))


def _plain(recipe: Recipe) -> AnswerSettings:
    """The settings of a model that nothing was fitted for."""
    return AnswerSettings(
        top_k=recipe.retrieval.top_k,
        candidates=recipe.retrieval.candidates,
        max_tokens=recipe.evaluate.max_answer_tokens,
        context_tokens=recipe.evaluate.context_tokens,
    )
