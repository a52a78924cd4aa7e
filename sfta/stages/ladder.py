"""Stage ladder: gguf, model, index, dataset, report -> what each scheme loses in the task itself.

Beside the line: `export` proves that every file is the model, this says which of them to ship.
Every scheme answers the benchmark through the code of the device, as the report says it answers.
"""

import csv
import io
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.record_cache import FOLDER, RecordCache
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.arms import ARMS
from sfta.evaluation.asking import Asker, answer_arm
from sfta.evaluation.cases import Case
from sfta.evaluation.clusters import clusters_of
from sfta.evaluation.config import CANDIDATE
from sfta.evaluation.kept_replies import FILE as REPLIES
from sfta.evaluation.kept_replies import KeptReplies
from sfta.evaluation.ladder_plot import picture
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.questions import draw_evenly, read_questions
from sfta.evaluation.scheme_loss import (
    COMPARED,
    Answered,
    losses,
    smallest_without_loss,
    verdict,
)
from sfta.evaluation.statistics import Resampling
from sfta.recipe import Recipe
from sfta.stages.answer_facts import answer_facts
from sfta.stages.benchmark import (
    benchmark_file,
    chunks_beside,
    questions_asked,
    searched_cases,
)
from sfta.stages.index import EMBEDDER, KNOWLEDGE
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.llama import variant
from sfta_edge.manifest import canonical_json, sha256_file, write_durably
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.retriever import similarities
from sfta_edge.settings import AnswerSettings
from sfta_export.gguf import lossless_scheme, model_gguf
from sfta_export.ladder import PARITY

RECORD, TABLE, PICTURE = "ladder.json", "ladder.csv", "ladder.png"
log = logging.getLogger("sfta")


def run(job: Job[Recipe]) -> Metrics:
    """Let every scheme answer, compare, and write record, table and picture.

    Raises:
        IntegrityError: the scheme that ships has measurably lost something.
    """
    recipe, cases = job.recipe, _cases(job)
    files = _files(job)
    clusters = clusters_of(cases, recipe.evaluate.cluster)
    resampling = Resampling(clusters.names, recipe.evaluate.resamples, recipe.seed)
    answered = [
        Answered(scheme, path.stat().st_size, _ask(job, scheme, path, cases))
        for scheme, path in files.items()
    ]
    found = losses(answered, resampling)
    parity = json.loads(job.inputs["gguf"].file(PARITY).read_bytes())
    said = verdict(found, len(cases))
    record = {
        "verdict": said, "questions": len(cases), "clusters": clusters.level,
        "parity": parity["rungs"], "schemes": found,
    }  # fmt: skip
    write_durably(job.out / RECORD, canonical_json(record))
    write_durably(job.out / TABLE, _table(parity["rungs"], found).encode())
    write_durably(job.out / PICTURE, picture(parity["rungs"], found))
    log.info("%s", said)
    _refuse_loss(recipe.bundle.scheme, found)
    return _metrics(found, said)


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


def _files(job: Job[Recipe]) -> dict[str, Path]:
    """The 16-bit file first, made again where it does not ship."""
    gguf, model = job.inputs["gguf"], job.inputs["model"].path
    exact = lossless_scheme(model)
    files = {str(s): gguf.file(f"model-{s}.gguf") for s in job.recipe.export.schemes}
    whole = files.pop(exact, None) or model_gguf(model, job.runtime.cache, exact)
    return {exact: whole, **files}


def _ask(job: Job[Recipe], scheme: str, path: Path, cases: Sequence[Case]) -> Any:
    """Answers of one file, judged; those that the report has are not asked for again."""
    report = json.loads(job.inputs["report"].file("report.json").read_bytes())
    facts = answer_facts(report, AnswerSettings().candidates)
    settings, arm = AnswerSettings.from_facts(facts), ARMS[CANDIDATE]
    contract = PromptContract.read(job.inputs["gguf"].file(PROMPT_FILE))
    folder = job.work / scheme
    folder.mkdir(exist_ok=True)
    with (
        Embedder(job.inputs["index"].file(EMBEDDER)) as embeds,
        Engine(path, context_tokens=settings.context_tokens or 4096) as engine,
        RecordCache(job.runtime.cache / FOLDER / REPLIES) as cache,
    ):
        asker = Asker(engine, contract, settings, partial(similarities, embeds))
        identity = (sha256_file(path)[0], embeds.identity.sha256, variant())
        spelled = contract.to_bytes().hex()
        kept = KeptReplies(cache, *identity, spelled, asdict(settings), arm.context)
        log.info("ladder: %s", scheme)
        return answer_arm(asker, arm, cases, folder, 0, kept)[0].table


def _table(rungs: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> str:
    """Rungs from the adapter down, one line each."""
    measured = {one["scheme"]: one for one in found}
    text = io.StringIO()
    names = [name for key in COMPARED for name in (key, f"{key}_change", f"{key}_interval")]
    columns = ["rung", "bytes", "mean_kl", "top1", "greedy", *names, "lost"]
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    for rung in rungs:
        row = {"rung": rung["scheme"]} | {k: rung[k] for k in ("mean_kl", "top1", "greedy")}
        if (one := measured.get(rung["scheme"])) is not None:
            row |= {"bytes": one["size"], "lost": " ".join(one["lost"])}
            for key in COMPARED:
                row[key] = one["metrics"][key]["value"]
                change = one["differences"].get(key, {"value": "", "interval": ""})
                row[f"{key}_change"] = change["value"]
                row[f"{key}_interval"] = change["interval"]
        writer.writerow(row)
    return text.getvalue()


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
    path = benchmark_file(recipe)
    found = {"base": hub.model_identity(recipe.model.base, root=recipe.root)}
    if path is not None and path.is_file():
        found["questions"] = sha256_file(path)[0]
    return found


def _check(recipe: Recipe, _runtime: Runtime) -> list[str]:
    path = benchmark_file(recipe)
    try:
        if path is not None:
            read_questions(path)
    except SftaError as error:
        return [f"evaluate.questions: {error}"]
    return []


STAGE = Stage(
    name="ladder",
    needs=("gguf", "model", "index", "dataset", "report"),
    makes="ladder",
    sections=("seed", "retrieval", "model", "export", "evaluate", "bundle"),
    run=run,
    external=_external,
    check=_check,
)
