"""Stage evaluate: gguf, index, dataset -> report, through the code of the device.

The dataset gives what the report warns of, questions that were seen in training, and the
validation rows on which the refusal threshold is fitted. Test questions tune nothing.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.cases import write_retrieval
from sfta.evaluation.config import BASELINE, CANDIDATE, FileModel
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.outcome import Evaluation
from sfta.evaluation.questions import Question, draw_evenly
from sfta.evaluation.report import Timed, write_report
from sfta.recipe import Recipe
from sfta.stages.arm_answers import Answers, World, ask_arms
from sfta.stages.benchmark import (
    asked_content,
    asked_problems,
    chunks_beside,
    dataset_rows,
    questions_asked,
    searched_cases,
)
from sfta.stages.compared_models import model_identity, model_problems, scheme_of
from sfta.stages.endpoint_arm import asking_problems
from sfta.stages.evaluation_judge import judge_content, judge_problems
from sfta.stages.further_figures import with_further_figures
from sfta.stages.index import KNOWLEDGE
from sfta_edge.manifest import canonical_json, write_durably
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.settings import AnswerSettings

SETTINGS_FILE = "answer_settings.json"
log = logging.getLogger("sfta")


def run(job: Job[Recipe]) -> Metrics:
    """Ask every arm, judge the answers, and write the report."""
    config = job.recipe.evaluate
    chunks = {chunk.id: chunk for chunk in read_chunks(job.inputs["index"].file(KNOWLEDGE))}
    contract = PromptContract.read(job.inputs["gguf"].file(PROMPT_FILE))
    beside = chunks_beside(job.inputs["dataset"], chunks)
    questions = draw_evenly(questions_asked(job, beside), config.max_questions, job.recipe.seed)
    cases = searched_cases(job.inputs["index"].path, questions, chunks, job.recipe)
    world = World(cases, {**beside, **chunks}, contract)
    write_retrieval(job.out / "retrieval.jsonl", world.cases)
    answers = ask_arms(job, world)
    seen = [str(row["question"]) for row in dataset_rows(job, "train", "validation")]
    evaluation = Evaluation(
        cases=world.cases,
        arms=[answers.results[name] for name in config.arms],
        contract=contract,
        leakage=find_leakage(questions, seen, config.near_duplicate),
        config=config,
        settings=_conditions(job, questions, answers),
        seed=job.recipe.seed,
    )
    evaluation = with_further_figures(job, evaluation, answers)
    timed = Timed(
        {name: [reply.milliseconds for reply in alone] for name, alone in answers.alone.items()},
        answers.machine, answers.alone, answers.spent,
    )  # fmt: skip
    report = write_report(evaluation, timed, job.out)
    write_durably(job.out / SETTINGS_FILE, canonical_json(_fitted(answers.settings)))
    log.info("%s", report["verdict"])
    return _metrics(report)


def _fitted(settings: AnswerSettings) -> dict[str, Any]:
    """Of the settings those that no recipe states."""
    return {
        "refusal_threshold": settings.refusal_threshold,
        "choose_quotes": settings.choose_quotes,
        "weights": asdict(settings.weights),
    }


def _conditions(
    job: Job[Recipe], questions: Sequence[Question], answers: Answers
) -> dict[str, Any]:
    """What a reader needs to measure the same again."""
    config, fitted = job.recipe.evaluate, answers.calibration
    asked = canonical_json([[q.id, q.question, list(q.answers)] for q in questions])
    return {
        "name": job.recipe.name,
        "base_model": job.recipe.model.base,
        "scheme": scheme_of(job.recipe),
        "questions": config.questions or "test split of the dataset",
        "questions_sha256": hashlib.sha256(asked).hexdigest(),
        "top_k": job.recipe.retrieval.top_k,
        "max_answer_tokens": config.max_answer_tokens,
        "context_tokens": config.context_tokens,
        **_fitted(answers.settings),
        "calibration_rows": fitted.rows if fitted else 0,
        "resamples": config.resamples,
        "inputs": {kind: artifact.digest for kind, artifact in sorted(job.inputs.items())},
    }


def _metrics(report: dict[str, Any]) -> Metrics:
    trained, base = report["arms"][CANDIDATE], report["arms"].get(BASELINE)
    shown = {"passed": report["passed"], "questions": report["n"]["questions"]}
    for key in ("token_f1", "refusal_f1", "quote_validity", "over_refusal"):
        shown[key] = trained["metrics"][key]
    if base is not None:
        shown["base_token_f1"] = base["metrics"]["token_f1"]
    return {**shown, "verdict": report["verdict"]}


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:
    found = {"base": hub.model_identity(recipe.model.base, root=recipe.root)}
    for name, model in recipe.evaluate.models.items():
        if isinstance(model, FileModel):
            found[f"model {name}"] = model_identity(recipe, runtime, model)
    return found | asked_content(recipe) | judge_content(recipe)


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    problems = []
    for name, model in recipe.evaluate.models.items():
        if isinstance(model, FileModel):
            found = model_problems(recipe, runtime, model)
        else:
            found = asking_problems(recipe, name, model)
        problems += [f"evaluate.models.{name}: {problem}" for problem in found]
    problems += judge_problems(recipe)
    if scheme_of(recipe) not in recipe.export.schemes:
        problems.append(
            f"evaluate.scheme: {recipe.evaluate.scheme} is not among export.schemes "
            f"({', '.join(recipe.export.schemes)})"
        )
    return problems + asked_problems(recipe)


STAGE = Stage(
    name="evaluate",
    needs=("gguf", "index", "dataset"),
    makes="report",
    # The last three say what another recipe's model is made of, and what any model is told.
    sections=(
        *("name", "seed", "retrieval", "model", "export", "evaluate"),
        *("prompt", "dataset", "preference"),
    ),
    run=run,
    revision=9,
    external=_external,
    check=_check,
)
