"""Stage evaluate: gguf, index, dataset -> report, through the code of the device.

The dataset gives what the report warns of, questions that were seen in training, and the
validation rows on which the refusal threshold is fitted. Test questions tune nothing.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.record_cache import FOLDER, RecordCache
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.arms import ARMS, Arm
from sfta.evaluation.asking import Asker, answer_arm, calibrate
from sfta.evaluation.calibration import Calibration
from sfta.evaluation.cases import Case, write_retrieval
from sfta.evaluation.config import BASELINE, CANDIDATE
from sfta.evaluation.kept_replies import FILE as REPLIES
from sfta.evaluation.kept_replies import KeptReplies
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.machine import environment
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.questions import Question, draw_evenly, read_questions
from sfta.evaluation.report import Timed, write_report
from sfta.recipe import Recipe
from sfta.stages.benchmark import (
    benchmark_file,
    chunks_beside,
    dataset_rows,
    questions_asked,
    searched_cases,
)
from sfta.stages.index import EMBEDDER, KNOWLEDGE
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.errors import SftaError
from sfta_edge.llama import variant
from sfta_edge.manifest import canonical_json, sha256_file, write_durably
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.retriever import Chunk, similarities
from sfta_edge.settings import AnswerSettings
from sfta_export.gguf import model_gguf

SETTINGS_FILE = "answer_settings.json"
log = logging.getLogger("sfta")


@dataclass(frozen=True, slots=True)
class _World:
    """What every arm answers from."""

    cases: Sequence[Case]
    chunks: dict[str, Chunk]
    contract: PromptContract


@dataclass(slots=True)
class _Answers:
    """What the arms have given."""

    settings: AnswerSettings
    """Of the trained model: what makes a device answer as it was measured."""
    calibration: Calibration | None = None
    results: dict[str, ArmResult] = field(default_factory=dict)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)


def run(job: Job[Recipe]) -> Metrics:
    """Ask every arm, judge the answers, and write the report."""
    config = job.recipe.evaluate
    chunks = {chunk.id: chunk for chunk in read_chunks(job.inputs["index"].file(KNOWLEDGE))}
    contract = PromptContract.read(job.inputs["gguf"].file(PROMPT_FILE))
    beside = chunks_beside(job.inputs["dataset"], chunks)
    questions = draw_evenly(questions_asked(job, beside), config.max_questions, job.recipe.seed)
    cases = searched_cases(job.inputs["index"].path, questions, chunks, job.recipe)
    world = _World(cases, {**beside, **chunks}, contract)
    write_retrieval(job.out / "retrieval.jsonl", world.cases)
    answers = _ask_all(job, world)
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
    report = write_report(evaluation, Timed(answers.milliseconds, answers.machine), job.out)
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


def _ask_all(job: Job[Recipe], world: _World) -> _Answers:
    config = job.recipe.evaluate
    arms = [ARMS[name] for name in config.arms]
    plain = AnswerSettings(
        top_k=job.recipe.retrieval.top_k,
        max_tokens=config.max_answer_tokens,
        context_tokens=config.context_tokens,
    )
    answers = _Answers(plain)
    embedder = job.inputs["index"].file(EMBEDDER)
    for model in sorted({arm.model for arm in arms}):
        path = _model_file(job, model)
        with (
            Embedder(embedder) as embeds,
            Engine(path, context_tokens=config.context_tokens) as engine,
        ):
            chosen = model == "raft" and config.choose_quotes
            settings = replace(plain, choose_quotes=chosen)
            asker = Asker(engine, world.contract, settings, partial(similarities, embeds))
            if model == "raft":
                answers.settings = settings
            if model == "raft" and config.calibration_rows:
                asker = _calibrated(job, asker, world.chunks, answers)
            identity = (sha256_file(path)[0], embeds.identity.sha256, variant())
            for arm in (arm for arm in arms if arm.model == model):
                _answer(job, asker, arm, world, answers, identity)
            answers.machine = environment(variant(), engine.threads)
    return answers


def _answer(
    job: Job[Recipe],
    asker: Asker,
    arm: Arm,
    world: _World,
    answers: _Answers,
    identity: tuple[str, ...],
) -> None:
    """Answers of one arm; what this model was asked before in the same way is known."""
    timed, contract = job.recipe.evaluate.timed_questions, asker.contract.to_bytes().hex()
    with RecordCache(job.runtime.cache / FOLDER / REPLIES) as cache:
        kept = KeptReplies(cache, *identity, contract, asdict(asker.settings), arm.context)
        found = answer_arm(asker, arm, world.cases, job.work, timed, kept)
    answers.results[arm.name], answers.milliseconds[arm.name] = found


def _calibrated(
    job: Job[Recipe], asker: Asker, chunks: dict[str, Chunk], answers: _Answers
) -> Asker:
    """The trained model with the weights and the refusal threshold that suit it.

    The base model keeps its own choice: it does not begin an answer with a quote, so its
    first token does not tell an answer from a refusal.
    """
    # The device never asks without documents: such rows say nothing of when it should refuse.
    shown = [row for row in dataset_rows(job, "validation") if row["context"]]
    rows = sorted(shown, key=lambda row: _draw(job.recipe.seed, row["id"]))
    chosen = rows[: job.recipe.evaluate.calibration_rows]
    fitted = calibrate(asker, chosen, chunks, job.work / "calibration.json")
    answers.calibration = fitted
    answers.settings = replace(
        asker.settings, refusal_threshold=fitted.threshold, weights=fitted.weights
    )
    return replace(asker, settings=answers.settings)


def _model_file(job: Job[Recipe], model: str) -> Path:
    recipe, scheme = job.recipe, _scheme(job.recipe)
    if model == "raft":
        return job.inputs["gguf"].file(f"model-{scheme}.gguf")
    cache = job.runtime.cache
    base = hub.resolve_model(recipe.model.base, cache, root=recipe.root)
    return model_gguf(base, cache, scheme)


def _conditions(
    job: Job[Recipe], questions: Sequence[Question], answers: _Answers
) -> dict[str, Any]:
    """What a reader needs to measure the same again."""
    config, fitted = job.recipe.evaluate, answers.calibration
    asked = canonical_json([[q.id, q.question, list(q.answers)] for q in questions])
    return {
        "name": job.recipe.name,
        "base_model": job.recipe.model.base,
        "scheme": _scheme(job.recipe),
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


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _scheme(recipe: Recipe) -> str:
    return recipe.evaluate.scheme or recipe.export.schemes[0]


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    path = benchmark_file(recipe)
    found = {"base": hub.model_identity(recipe.model.base, root=recipe.root)}
    if path is not None and path.is_file():
        found["questions"] = sha256_file(path)[0]
    return found


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:  # noqa: ARG001 same for all stages
    problems = []
    if _scheme(recipe) not in recipe.export.schemes:
        problems.append(
            f"evaluate.scheme: {recipe.evaluate.scheme} is not among export.schemes "
            f"({', '.join(recipe.export.schemes)})"
        )
    path = benchmark_file(recipe)
    try:
        if path is not None:
            read_questions(path)
    except SftaError as error:
        problems.append(f"evaluate.questions: {error}")
    return problems


STAGE = Stage(
    name="evaluate",
    needs=("gguf", "index", "dataset"),
    makes="report",
    sections=("name", "seed", "retrieval", "model", "export", "evaluate"),
    run=run,
    revision=5,
    external=_external,
    check=_check,
)
