"""Stage ladder: gguf, model, index, dataset, report -> what each scheme loses in the task itself.

Beside the line: `export` proves that every file is the model, this says which of them to ship.
Every scheme answers the benchmark through the code of the device, as the report says it answers.
Where the recipe wants it, so do the adapter on its base, the merged model and ONNX.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.cases import Case
from sfta.evaluation.clusters import Clusters, clusters_of
from sfta.evaluation.ladder_plot import picture
from sfta.evaluation.ladder_table import table
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.questions import draw_evenly
from sfta.evaluation.scheme_loss import Answered, losses, smallest_without_loss, verdict
from sfta.evaluation.statistics import Resampling
from sfta.recipe import Recipe
from sfta.stages.benchmark import (
    asked_content,
    asked_problems,
    chunks_beside,
    questions_asked,
    searched_cases,
)
from sfta.stages.index import KNOWLEDGE
from sfta.stages.ladder_rungs import (
    ONNX_RUNG,
    AnsweringRung,
    answers_of,
    file_rungs,
    further_rungs,
    scheme_files,
)
from sfta.stages.scheme_speed import measured_speeds, write_quality
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import canonical_json, write_durably
from sfta_export.ladder import PARITY

RECORD, TABLE, PICTURE = "ladder.json", "ladder.csv", "ladder.png"
log = logging.getLogger("sfta")


def run(job: Job[Recipe]) -> Metrics:
    """Let every scheme answer, compare, and write record, table and picture.

    Raises:
        IntegrityError: the scheme that ships has measurably lost something.
    """
    cases = _cases(job)
    clusters, resampling = _resampling(job.recipe, cases)
    files = scheme_files(job)
    answered = [_answered(job, rung, cases) for rung in file_rungs(files)]
    found, parity = losses(answered, resampling), _parity(job)
    beside, said = _beside(job, answered[0], cases), verdict(found, len(cases))
    record = {
        "verdict": said, "questions": len(cases), "clusters": clusters.level,
        "parity": parity, "schemes": found, "beside": beside,
    }  # fmt: skip
    measured = [*found, *beside]
    write_durably(job.out / RECORD, canonical_json(record))
    write_durably(job.out / TABLE, table(parity, measured).encode())
    write_durably(job.out / PICTURE, picture(parity, measured))
    write_quality(job.out, found, measured_speeds(files), job.recipe.bundle.scheme)
    log.info("%s", said)
    _refuse_loss(job.recipe.bundle.scheme, found)
    return _metrics(measured, said)


def _answered(job: Job[Recipe], rung: AnsweringRung, cases: Sequence[Case]) -> Answered:
    log.info("ladder: %s", rung.name)
    return Answered(rung.name, rung.size, answers_of(job, rung, cases))


def _beside(job: Job[Recipe], whole: Answered, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What is no GGUF file, compared with the 16-bit file on some of the questions."""
    rungs, config = further_rungs(job), job.recipe.ladder
    if not rungs:
        return []
    questions = [case.question for case in cases]
    drawn = {q.id for q in draw_evenly(questions, config.task_questions, job.recipe.seed)}
    places = [at for at, question in enumerate(questions) if question.id in drawn]
    few = [cases[at] for at in places]
    answered = [_answered(job, rung, few) for rung in rungs]
    compared = [replace(whole, table=whole.table[places]), *answered]
    return losses(compared, _resampling(job.recipe, few)[1])[1:]


def _resampling(recipe: Recipe, cases: Sequence[Case]) -> tuple[Clusters, Resampling]:
    clusters = clusters_of(cases, recipe.evaluate.cluster)
    return clusters, Resampling(clusters.names, recipe.evaluate.resamples, recipe.seed)


def _parity(job: Job[Recipe]) -> list[dict[str, Any]]:
    """The rungs of export, and of export-onnx where they are to be shown."""
    kinds = [kind for kind in ("gguf", "onnx") if kind in job.inputs]
    rungs = []
    for kind in kinds:
        for rung in json.loads(job.inputs[kind].file(PARITY).read_bytes())["rungs"]:
            name = rung["scheme"] if kind == "gguf" else ONNX_RUNG.format(**rung)
            rungs.append({**rung, "scheme": name})
    return rungs


def _refuse_loss(shipped: str, found: Sequence[dict[str, Any]]) -> None:
    lost = [name for one in found if one["scheme"] == shipped for name in one["lost"]]
    if lost:
        best = smallest_without_loss(found)["scheme"]
        raise IntegrityError(
            f"{shipped}, which is to ship, has measurably lost {', '.join(lost)} against 16 bits",
            hint=f"Set bundle.scheme and evaluate.scheme to {best}.",
        )


def _cases(job: Job[Recipe]) -> list[Case]:
    """The questions of the report, with what the search finds."""
    chunks = {chunk.id: chunk for chunk in read_chunks(job.inputs["index"].file(KNOWLEDGE))}
    beside = chunks_beside(job.inputs["dataset"], chunks)
    asked = questions_asked(job, beside)
    drawn = draw_evenly(asked, job.recipe.evaluate.max_questions, job.recipe.seed)
    return searched_cases(job.inputs["index"].path, drawn, chunks, job.recipe)


def _metrics(found: Sequence[dict[str, Any]], said: str) -> Metrics:
    shown: Metrics = {
        one["scheme"]: {
            "size": one["size"],
            "overall_f1": one["metrics"]["overall_f1"]["value"],
            "lost": one["lost"],
        }
        for one in found
    }
    return {**shown, "verdict": said}


def _external(recipe: Recipe, _runtime: Runtime) -> dict[str, str]:
    base = hub.model_identity(recipe.model.base, root=recipe.root)
    return {"base": base, **asked_content(recipe)}


def _check(recipe: Recipe, _runtime: Runtime) -> list[str]:
    return asked_problems(recipe)


STAGE = Stage(
    name="ladder",
    needs=("gguf", "model", "index", "dataset", "report"),
    makes="ladder",
    sections=("seed", "retrieval", "model", "export", "evaluate", "bundle", "ladder"),
    run=run,
    revision=4,
    external=_external,
    check=_check,
)


def stage_for(recipe: Recipe) -> Stage[Recipe]:
    """The stage that also needs what this recipe wants to be shown."""
    wanted = {"adapter": "adapter" in recipe.ladder.task_rungs, "onnx": recipe.ladder.onnx}
    return replace(STAGE, needs=(*STAGE.needs, *(kind for kind, on in wanted.items() if on)))
