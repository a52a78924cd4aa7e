"""Stage train-retriever: dataset, index -> embedder, if the search finds more with it.

Questions and chunks are those of the dataset; what only seems to answer a question is looked for
with the present retriever. Both are then measured as they ship, the embedder as a GGUF file and the
search hybrid, on test rows and on the benchmark. An embedder that is no better is not written.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.questions import Question, questions_of_rows, read_questions
from sfta.evaluation.retriever_gain import gain, is_better
from sfta.recipe import Recipe
from sfta.stages.benchmark import benchmark_file, dataset_rows, searched_cases
from sfta.stages.index import (
    KNOWLEDGE,
    open_retriever,
    passages,
    read_corpus,
    searching,
    write_index,
)
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json, sha256_file, write_durably

MODEL, FIGURES, LOSSES = "model", "retriever.json", "losses.json"
_BENCHMARK = "benchmark"
log = logging.getLogger("sfta")


def run(job: Job[Recipe]) -> Metrics:
    """Train the embedder, measure it beside the present one, and keep it if it is better.

    Raises:
        ConfigError: the dataset holds no answered row to learn from, or to be measured by.
    """
    questions = _questions(job)
    trained, losses = job.work / MODEL, job.work / LOSSES
    if not losses.is_file():
        write_durably(losses, canonical_json(_train(job, trained)))
    figures = _measure(job, questions, trained)
    better = is_better(figures)
    record = {"better": better, "test_sets": figures, "top_k": job.recipe.retrieval.top_k}
    write_durably(job.out / FIGURES, canonical_json(record))
    shutil.copyfile(losses, job.out / LOSSES)
    if better:
        shutil.copytree(trained, job.out / MODEL)
    else:
        log.info("train-retriever: no better than what the recipe has; nothing to change")
    return {"better": better, **_shown(figures)}


def _shown(figures: dict[str, Any]) -> Metrics:
    return {
        f"{name} {metric}": f"{found[metric]['before']:.3f} -> {found[metric]['after']:.3f}"
        for name, found in figures.items()
        for metric in ("recall", "ndcg")
    }


def _train(job: Job[Recipe], out: Path) -> list[dict[str, Any]]:
    # Loaded here: `sfta --help` must not wait for torch.
    from sfta.training.model import choose_precision
    from sfta.training.retriever import train_encoder
    from sfta.training.triplets import answered_rows, make_triplets

    recipe, settings = job.recipe, job.recipe.retriever
    rows = answered_rows(list(dataset_rows(job, "train")))
    if len(rows) < 2:
        raise ConfigError(
            "the dataset holds no answered row to learn from",
            hint="Raise generate.max_rows, or read more documents.",
        )
    candidates = recipe.retrieval.candidates
    with open_retriever(job.inputs["index"].path, candidates) as retriever:
        found = searching(retriever.search_many)(
            [str(row["question"]) for row in rows], min(settings.search_depth, candidates)
        )
    documents, chunks = read_corpus(job.inputs["corpus"])
    texts = {chunk["id"]: chunk["text"] for chunk in chunks}
    read = dict(zip(texts, passages(documents, chunks), strict=True))
    triplets = make_triplets(rows, found, texts, negatives=settings.hard_negatives)
    base = hub.resolve_model(recipe.index.embedder, job.runtime.cache, root=recipe.root)
    return train_encoder(
        base, triplets, read, settings, choose_precision(job.runtime.device),
        seed=recipe.seed, work=job.work / "checkpoints", out=out,
    )  # fmt: skip


def _measure(job: Job[Recipe], questions: Sequence[Question], trained: Path) -> dict[str, Any]:
    from sfta_export.gguf import embedder_gguf

    recipe, present = job.recipe, job.inputs["index"]
    chunks = {chunk.id: chunk for chunk in read_chunks(present.file(KNOWLEDGE))}
    folder = job.work / "index"
    folder.mkdir(exist_ok=True)
    model = embedder_gguf(trained, job.runtime.cache).resolve()
    write_index(model, job.inputs["corpus"], folder, job.runtime)
    before, after = (
        [case for case in searched_cases(path, questions, chunks, recipe) if case.oracle.ids]
        for path in (present.path, folder)
    )
    return gain(
        before, after, resamples=recipe.evaluate.resamples, cluster=recipe.evaluate.cluster,
        seed=recipe.seed, beside=_BENCHMARK,
    )  # fmt: skip


def _questions(job: Job[Recipe]) -> list[Question]:
    """Answerable test rows, and those of the benchmark, which can only speak against a change."""
    rows = questions_of_rows(dataset_rows(job, "test"))
    path = benchmark_file(job.recipe)
    given = read_questions(path) if path is not None else []
    named = [replace(q, id=f"{_BENCHMARK}/{q.id}", test_set=_BENCHMARK) for q in given]
    found = [q for q in (*rows, *named) if q.answerable and not q.documents]
    if not any(q.test_set != _BENCHMARK for q in found):
        raise ConfigError(
            "the dataset's test split holds no question to measure a retriever by",
            hint="Raise the third of generate.split.shares.",
        )
    return found


def _external(recipe: Recipe, _runtime: Runtime) -> dict[str, str]:
    path = benchmark_file(recipe)
    found = {"embedder": hub.model_identity(recipe.index.embedder, root=recipe.root)}
    if path is not None and path.is_file():
        found["questions"] = sha256_file(path)[0]
    return found


STAGE = Stage(
    name="train-retriever",
    needs=("corpus", "index", "dataset"),
    makes="embedder",
    sections=("seed", "index", "retrieval", "retriever", "evaluate"),
    run=run,
    external=_external,
)
