"""Every arm answers the benchmark: model by model, through the code of the device."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sfta.core.stage import Job
from sfta.evaluation.arms import Arm, Reply, labelled_arm
from sfta.evaluation.calibration import Calibration
from sfta.evaluation.cases import Case
from sfta.evaluation.config import BASE, TRAINED, EndpointModel
from sfta.evaluation.costs import Spent
from sfta.evaluation.examples import Example
from sfta.evaluation.machine import environment
from sfta.evaluation.outcome import ArmResult
from sfta.evaluation.perplexity import (
    Surprise,
    arm_surprise,
    measured_questions,
    text_surprise,
)
from sfta.recipe import Recipe
from sfta.stages.arm_models import (
    examples_for,
    fitted,
    has_learnt,
    model_of,
    require_room,
    spelt,
)
from sfta.stages.endpoint_arm import ask_endpoint
from sfta.stages.opened_model import OpenedModel, opened
from sfta_edge.cores import physical_cores
from sfta_edge.llama import variant
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings


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
    arms = [labelled_arm(name, config) for name in config.arms]
    settings = AnswerSettings(
        top_k=job.recipe.retrieval.top_k,
        max_tokens=config.max_answer_tokens,
        context_tokens=config.context_tokens,
    )
    answers = Answers(settings)
    most, seed = config.perplexity_questions, job.recipe.seed
    measured = measured_questions(world.cases, most, seed) if most else frozenset()
    examples = examples_for(job, arms, world.chunks, world.contract.refusal)
    asking = _Asking(job, world, settings, examples, measured, answers)
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
        config = self.job.recipe.evaluate
        compared = config.models.get(model)
        if not isinstance(compared, EndpointModel):
            self._ask_file(model, arms)
            return
        for arm in arms:
            contract = spelt(config, self.world.contract, arm, self.examples, trained=False)
            self.answers.results[arm.name], self.answers.spent[arm.name] = ask_endpoint(
                self.job, compared, arm, self.world.cases, contract
            )

    def _ask_file(self, model: str, arms: Sequence[Arm]) -> None:
        job, config = self.job, self.job.recipe.evaluate
        named = model_of(job, model, self.world.contract)
        learnt = has_learnt(config, model)
        settings = replace(self.plain, choose_quotes=learnt and config.choose_quotes)
        with opened(job, named, settings) as found:
            ready, fit = found, None
            if learnt:
                ready, fit = fitted(job, model, found, self.world.chunks)
            if model == TRAINED:
                self.answers.settings, self.answers.calibration = ready.asker.settings, fit
            for arm in arms:
                contract = spelt(
                    config, named.contract, arm, self.examples, trained=named.trained
                )
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
            require_room(suited.asker)
        result, alone = suited.answer(arm, cases, self.job.work, timed)
        answers.results[arm.name], answers.alone[arm.name] = result, alone
        if self.measured:
            asker = suited.asker
            answers.surprises[arm.name] = arm_surprise(
                asker.engine, asker.contract, asker.settings, arm, cases, self.measured
            )
