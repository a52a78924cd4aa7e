"""The arms answer variants of the benchmark, as the report says they answer."""

import json
from collections.abc import Sequence
from dataclasses import replace

from sfta.adapters import hub
from sfta.core.stage import Job, Runtime
from sfta.evaluation.arms import labelled_arm
from sfta.evaluation.cases import Case
from sfta.evaluation.config import BASE, TRAINED, ArmName, FileModel
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.outcome import ArmResult
from sfta.recipe import Recipe
from sfta.stages.answer_facts import answer_facts
from sfta.stages.arm_models import (
    examples_for,
    fitted,
    has_learnt,
    model_of,
    require_room,
    spelt,
)
from sfta.stages.benchmark import chunks_beside
from sfta.stages.compared_models import model_identity, model_problems
from sfta.stages.index import KNOWLEDGE
from sfta.stages.opened_model import opened
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.settings import AnswerSettings


def ask_variants(job: Job[Recipe], name: ArmName, cases: Sequence[Case]) -> ArmResult:
    """Answers of one arm to all cases, in their order.

    Cases that give the model the same to read are asked once, and what an evaluation has asked
    in the same way is known.

    Raises:
        ConfigError: there are no examples to show, or they do not fit.
        IntegrityError: the report does not say how the model is to answer.
    """
    same = [(case.question.question, case.oracle, case.retrieved) for case in cases]
    once: dict[object, Case] = {}
    for key, case in zip(same, cases, strict=True):
        once.setdefault(key, case)
    asked = _ask(job, name, list(once.values()))
    answers = dict(zip(once, zip(asked.replies, asked.judgements, strict=True), strict=True))
    replies = [
        replace(answers[key][0], id=case.question.id)
        for key, case in zip(same, cases, strict=True)
    ]
    return ArmResult(asked.arm, replies, [answers[key][1] for key in same])


def arm_problems(recipe: Recipe, runtime: Runtime) -> list[str]:
    """Why an arm cannot be asked; one sentence each."""
    problems = []
    for name in recipe.robustness.arms:
        model = name.partition("_")[0]
        compared = recipe.evaluate.models.get(model)
        if isinstance(compared, FileModel):
            problems += [
                f"evaluate.models.{model}: {problem}"
                for problem in model_problems(recipe, runtime, compared)
            ]
        elif compared is not None:
            problems.append(
                f"robustness.arms: {name} is behind an endpoint, and only files are asked"
            )
        elif model not in (BASE, TRAINED):
            problems.append(f"robustness.arms: there is no model {model!r} in evaluate.models")
    return list(dict.fromkeys(problems))


def model_contents(recipe: Recipe, runtime: Runtime) -> dict[str, str]:
    """Digests of what the arms' models are made of, beside the trained one."""
    found = {"base": hub.model_identity(recipe.model.base, root=recipe.root)}
    for name in recipe.robustness.arms:
        model = name.partition("_")[0]
        compared = recipe.evaluate.models.get(model)
        if isinstance(compared, FileModel):
            found[f"model {model}"] = model_identity(recipe, runtime, compared)
    return found


def _ask(job: Job[Recipe], name: ArmName, cases: Sequence[Case]) -> ArmResult:
    report = json.loads(job.inputs["report"].file("report.json").read_bytes())
    measured = AnswerSettings.from_facts(answer_facts(report, AnswerSettings().candidates))
    config, arm = job.recipe.evaluate, labelled_arm(name, job.recipe.evaluate)
    shipped = PromptContract.read(job.inputs["gguf"].file(PROMPT_FILE))
    named = model_of(job, arm.model, shipped)
    index = {chunk.id: chunk for chunk in read_chunks(job.inputs["index"].file(KNOWLEDGE))}
    chunks = {**chunks_beside(job.inputs["dataset"], index), **index}
    examples = examples_for(job, [arm], chunks, shipped.refusal)
    contract = spelt(config, named.contract, arm, examples, trained=named.trained)
    # The report says what was fitted for the trained model alone.
    fits = arm.model != TRAINED and has_learnt(config, arm.model)
    plain = replace(_plain(measured), choose_quotes=fits and config.choose_quotes)
    with opened(job, named, measured if arm.model == TRAINED else plain) as found:
        ready = fitted(job, arm.model, found, chunks)[0] if fits else found
        suited = ready.told(contract)
        if examples:
            require_room(suited.asker)
        return suited.answer(arm, cases, job.work, 0)[0]


def _plain(measured: AnswerSettings) -> AnswerSettings:
    """Before anything is fitted for a model."""
    return AnswerSettings(
        top_k=measured.top_k,
        max_tokens=measured.max_tokens,
        context_tokens=measured.context_tokens,
    )
