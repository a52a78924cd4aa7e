"""Trained and base model answer variants of the benchmark, as the report says they answer."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sfta.adapters import hub
from sfta.core.stage import Job
from sfta.evaluation.arms import arm_of
from sfta.evaluation.cases import Case
from sfta.evaluation.config import CANDIDATE, ArmName
from sfta.evaluation.outcome import ArmResult
from sfta.evaluation.prompting import told
from sfta.recipe import Recipe
from sfta.stages.answer_facts import answer_facts
from sfta.stages.opened_model import NamedModel, opened
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.settings import AnswerSettings
from sfta_export.gguf import model_gguf


def ask_variants(job: Job[Recipe], name: ArmName, cases: Sequence[Case]) -> ArmResult:
    """Answers of one arm to all cases, in their order.

    Cases that give the model the same to read are asked once, and what an evaluation has asked
    in the same way is known.

    Raises:
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


def _ask(job: Job[Recipe], name: ArmName, cases: Sequence[Case]) -> ArmResult:
    report = json.loads(job.inputs["report"].file("report.json").read_bytes())
    measured = AnswerSettings.from_facts(answer_facts(report, AnswerSettings().candidates))
    arm, trained = arm_of(name), name == CANDIDATE
    settings = measured if trained else _plain(measured)
    shipped = PromptContract.read(job.inputs["gguf"].file(PROMPT_FILE))
    # As in the report: the base model has not learnt the answer form and is told.
    contract = shipped if trained else told(shipped)
    named = NamedModel(
        _file(job, report["settings"]["scheme"], trained=trained), contract, trained
    )
    with opened(job, named, settings) as found:
        return found.answer(arm, cases, job.work, 0)[0]


def _plain(measured: AnswerSettings) -> AnswerSettings:
    """Nothing was fitted for a model that was not trained."""
    return AnswerSettings(
        top_k=measured.top_k,
        max_tokens=measured.max_tokens,
        context_tokens=measured.context_tokens,
    )


def _file(job: Job[Recipe], scheme: str, *, trained: bool) -> Path:
    if trained:
        return job.inputs["gguf"].file(f"model-{scheme}.gguf")
    cache, base = job.runtime.cache, job.recipe.model.base
    return model_gguf(hub.resolve_model(base, cache, root=job.recipe.root), cache, scheme)
