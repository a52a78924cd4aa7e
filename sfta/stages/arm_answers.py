"""Every arm answers the benchmark: model by model, through the code of the device."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sfta.adapters import hub
from sfta.core.stage import Job
from sfta.evaluation.arms import Arm, Reply, arm_of
from sfta.evaluation.asking import Asker, calibrate
from sfta.evaluation.calibration import Calibration
from sfta.evaluation.cases import Case
from sfta.evaluation.config import BASE, TRAINED, EndpointModel, FileModel
from sfta.evaluation.costs import Spent
from sfta.evaluation.examples import Example, draw_examples
from sfta.evaluation.machine import environment
from sfta.evaluation.outcome import ArmResult
from sfta.evaluation.perplexity import (
    Surprise,
    arm_surprise,
    measured_questions,
    text_surprise,
)
from sfta.evaluation.prompting import closed, told, with_examples
from sfta.recipe import Recipe
from sfta.stages.benchmark import dataset_rows
from sfta.stages.compared_models import named_model, scheme_of
from sfta.stages.endpoint_arm import ask_endpoint
from sfta.stages.opened_model import NamedModel, OpenedModel, opened
from sfta_edge.cores import physical_cores
from sfta_edge.errors import ConfigError
from sfta_edge.llama import variant
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings
from sfta_export.gguf import model_gguf


@dataclass(frozen=True, slots=True)
class World:
    """What every arm answers from."""

    cases: Sequence[Case]
    chunks: dict[str, Chunk]
    contract: PromptContract
    """Of the model that ships."""


@dataclass(slots=True)
class Answers:
    """What the arms have given."""

    settings: AnswerSettings
    """Of the trained model: what makes a device answer as it was measured."""
    calibration: Calibration | None = None
    results: dict[str, ArmResult] = field(default_factory=dict)
    alone: dict[str, list[Reply]] = field(default_factory=dict)
    """By arm: replies to the questions that were asked one after the other."""
    spent: dict[str, Spent] = field(default_factory=dict)
    """By arm, where an endpoint counts tokens."""
    general: dict[str, list[str]] = field(default_factory=dict)
    """By model: replies to the general questions."""
    surprises: dict[str, Surprise] = field(default_factory=dict)
    """By arm: what the right answers cost it."""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By model: what the documents' own words cost it."""
    machine: dict[str, str] = field(default_factory=dict)


def ask_arms(job: Job[Recipe], world: World) -> Answers:
    """Ask every arm of the recipe.

    Raises:
        ConfigError: there are no examples to show, or they do not fit.
        SftaError: a model cannot be opened, or an endpoint failed for good.
    """
    config = job.recipe.evaluate
    labels = {name: model.label or name for name, model in config.models.items()}
    arms = [arm_of(name, labels.get(name.partition("_")[0])) for name in config.arms]
    settings = AnswerSettings(
        top_k=job.recipe.retrieval.top_k,
        max_tokens=config.max_answer_tokens,
        context_tokens=config.context_tokens,
    )
    answers = Answers(settings)
    most, seed = config.perplexity_questions, job.recipe.seed
    measured = measured_questions(world.cases, most, seed) if most else frozenset()
    asking = _Asking(job, world, settings, _examples(job, world, arms), measured, answers)
    for model in sorted({arm.model for arm in arms}):
        asking.ask(model, [arm for arm in arms if arm.model == model])
    return answers


@dataclass(frozen=True, slots=True)
class _Asking:
    job: Job[Recipe]
    world: World
    plain: AnswerSettings
    """Before anything is fitted."""
    examples: Sequence[Example]
    measured: frozenset[str]
    """Questions that perplexity is measured on."""
    answers: Answers

    def ask(self, model: str, arms: Sequence[Arm]) -> None:
        """All arms of one model."""
        compared = self.job.recipe.evaluate.models.get(model)
        if not isinstance(compared, EndpointModel):
            self._ask_file(model, compared, arms)
            return
        for arm in arms:
            contract = self._spelt(self.world.contract, arm, trained=False)
            self.answers.results[arm.name], self.answers.spent[arm.name] = ask_endpoint(
                self.job, compared, arm, self.world.cases, contract
            )

    def _ask_file(self, model: str, compared: FileModel | None, arms: Sequence[Arm]) -> None:
        config, named = self.job.recipe.evaluate, self._named(model, compared)
        learnt = compared.choose_quotes if compared else model == TRAINED
        settings = replace(self.plain, choose_quotes=learnt and config.choose_quotes)
        with opened(self.job, named, settings) as found:
            ready = self._fitted(model, found) if learnt else found
            if model == TRAINED:
                self.answers.settings = ready.asker.settings
            for arm in arms:
                contract = self._spelt(named.contract, arm, trained=named.trained)
                self._answer(ready.told(contract), arm)
            self._ask_beside(model, found)
            self.answers.machine = environment(variant(), physical_cores())

    def _ask_beside(self, model: str, found: OpenedModel) -> None:
        """What is asked of a model apart from the benchmark."""
        if model in (BASE, TRAINED) and self.job.recipe.evaluate.general_questions:
            self.answers.general[model] = found.general_replies(model, self.job.work)
        if self.measured:
            ids = {
                name
                for case in self.world.cases
                if case.question.id in self.measured
                for name in case.oracle.ids
            }
            texts = [
                self.world.chunks[name].text for name in sorted(ids & set(self.world.chunks))
            ]
            contract = found.asker.contract
            self.answers.documents[model] = text_surprise(found.asker.engine, contract, texts)

    def _answer(self, suited: OpenedModel, arm: Arm) -> None:
        """Answers of one arm, and what the right ones cost it."""
        cases, answers = self.world.cases, self.answers
        timed = self.job.recipe.evaluate.timed_questions
        if arm.context == "few_shot":
            _require_room(suited.asker)
        result, alone = suited.answer(arm, cases, self.job.work, timed)
        answers.results[arm.name], answers.alone[arm.name] = result, alone
        if self.measured:
            asker = suited.asker
            answers.surprises[arm.name] = arm_surprise(
                asker.engine, asker.contract, asker.settings, arm, cases, self.measured
            )

    def _named(self, model: str, compared: FileModel | None) -> NamedModel:
        job, contract = self.job, self.world.contract
        if compared:
            return named_model(job.recipe, job.runtime, compared.path)
        if model == TRAINED:
            file = job.inputs["gguf"].file(f"model-{scheme_of(job.recipe)}.gguf")
            return NamedModel(file, contract, trained=True)
        base = hub.resolve_model(job.recipe.model.base, job.runtime.cache, root=job.recipe.root)
        file = model_gguf(base, job.runtime.cache, scheme_of(job.recipe))
        return NamedModel(file, contract, trained=False)

    def _spelt(self, contract: PromptContract, arm: Arm, *, trained: bool) -> PromptContract:
        """What this arm is told; a model is not told what it has learnt."""
        if not trained and arm.context == "closed":
            return closed(contract, self.job.recipe.evaluate.closed_system)
        suited = contract if trained else told(contract)
        return with_examples(suited, self.examples) if arm.context == "few_shot" else suited

    def _fitted(self, model: str, found: OpenedModel) -> OpenedModel:
        """A model with the weights and the refusal threshold that suit it.

        A model that was not trained keeps its own choice: it does not begin an answer with a
        quote, so its first token does not tell an answer from a refusal.
        """
        job = self.job
        if not job.recipe.evaluate.calibration_rows:
            return found
        # The device never asks without documents: such rows say nothing of when it should refuse.
        shown = [row for row in dataset_rows(job, "validation") if row["context"]]
        rows = sorted(shown, key=lambda row: _draw(job.recipe.seed, row["id"]))
        chosen = rows[: job.recipe.evaluate.calibration_rows]
        kept = job.work / f"calibration-{model}.json"
        fitted = calibrate(found.asker, chosen, self.world.chunks, kept)
        if model == TRAINED:
            self.answers.calibration = fitted
        return found.with_settings(refusal_threshold=fitted.threshold, weights=fitted.weights)


def _examples(job: Job[Recipe], world: World, arms: Sequence[Arm]) -> list[Example]:
    if not any(arm.context == "few_shot" for arm in arms):
        return []
    wanted, refusal = job.recipe.evaluate.few_shot, world.contract.refusal
    rows = dataset_rows(job, "train")
    found = draw_examples(rows, world.chunks, refusal, wanted, job.recipe.seed)
    if not found:
        raise ConfigError(
            "no training row can serve as an example for the arms few_shot",
            hint="Rows with quotes and chunks can. Leave these arms out, or use such a dataset.",
        )
    return found


def _require_room(asker: Asker) -> None:
    """Examples must leave half of the context to question and answer."""
    prefix = asker.contract.prompt_ids([], "?", asker.engine.tokenize)[0]
    if len(prefix) * 2 > asker.engine.context_tokens:
        raise ConfigError(
            f"the examples take {len(prefix)} of {asker.engine.context_tokens} tokens",
            hint="Lower evaluate.few_shot, or raise evaluate.context_tokens.",
        )


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
