"""Stage train-retriever: dataset, index -> embedder, if the search finds more with it.

Questions and chunks are those of the dataset; what only seems to answer a question is looked for
with the present retriever. Both are then measured as they ship, the embedder as a GGUF file and the
search hybrid, on test rows and on the benchmark. An embedder that is no better is not written.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.oracles import read_chunks, resolve_oracles
from sfta.evaluation.questions import Question, questions_of_rows, read_questions
from sfta.evaluation.retriever_gain import DEPTH, Searched, gain, is_better
from sfta.recipe import Recipe
from sfta.stages.benchmark import benchmark_file, dataset_rows
from sfta.stages.index import EMBEDDER, KNOWLEDGE, passages, read_corpus, write_index
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json, sha256_file, write_durably

MODEL, FIGURES = "model", "retriever.json"
_BENCHMARK = "benchmark"
log = logging.getLogger("sfta")


def run(job: Job[Recipe]) -> Metrics:
    """Train the embedder, measure it beside the present one, and keep it if it is better.

    Raises:
        ConfigError: the dataset holds no answered row to learn from, or to be measured by.
    """
    questions = _questions(job)
    trained = job.work / MODEL
    if not (trained / "losses.json").is_file():
        _train(job, trained)
    figures = _measure(job, questions, trained)
    top_k = job.recipe.retrieval.top_k
    better = is_better(figures, top_k)
    record = {"better": better, "test_sets": figures, "top_k": top_k}
    write_durably(job.out / FIGURES, canonical_json(record))
    losses = trained / "losses.json"
    (job.out / losses.name).write_bytes(losses.read_bytes())
    if better:
        losses.unlink()
        trained.rename(job.out / MODEL)
    else:
        log.info("train-retriever: no better than what the recipe has; nothing to change")
    return {"better": better, **_shown(figures, top_k)}


def _shown(figures: dict[str, Any], top_k: int) -> Metrics:
    shown: Metrics = {}
    for name, found in figures.items():
        for metric in (f"recall@{top_k}", f"ndcg@{DEPTH}"):
            values = found[metric]
            shown[f"{name} {metric}"] = f"{values['before']:.3f} -> {values['after']:.3f}"
    return shown


def _train(job: Job[Recipe], out: Path) -> None:
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
    found = _search(
        job.inputs["index"].path, [str(row["question"]) for row in rows], settings.search_depth,
        recipe,
    )  # fmt: skip
    documents, chunks = read_corpus(job.inputs["corpus"])
    texts = {chunk["id"]: chunk["text"] for chunk in chunks}
    read = dict(zip(texts, passages(documents, chunks), strict=True))
    triplets = make_triplets(rows, found, texts, negatives=settings.hard_negatives)
    base = hub.resolve_model(recipe.index.embedder, job.runtime.cache, root=recipe.root)
    losses = train_encoder(
        base, triplets, read, settings, choose_precision(job.runtime.device),
        seed=recipe.seed, work=job.work / "checkpoints", out=out,
    )  # fmt: skip
    write_durably(out / "losses.json", json.dumps(losses).encode())


def _measure(job: Job[Recipe], questions: Sequence[Question], trained: Path) -> dict[str, Any]:
    from sfta_export.gguf import embedder_gguf

    recipe, present = job.recipe, job.inputs["index"]
    chunks = read_chunks(present.file(KNOWLEDGE))
    oracles = resolve_oracles(questions, chunks)
    folder = job.work / "index"
    folder.mkdir(exist_ok=True)
    write_index(
        embedder_gguf(trained, job.runtime.cache).resolve(), job.inputs["corpus"], folder,
        job.runtime,
    )  # fmt: skip
    texts = [question.question for question in questions]
    depth = max(DEPTH, recipe.retrieval.top_k)
    before, after = (_search(path, texts, depth, recipe) for path in (present.path, folder))
    searched = [
        Searched(question.test_set, oracle.group, oracle.ids, tuple(old), tuple(new))
        for question, oracle, old, new in zip(questions, oracles, before, after, strict=True)
        if oracle.ids
    ]
    return gain(searched, recipe.retrieval.top_k, recipe.seed, beside=_BENCHMARK)


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


def _search(
    folder: Path, questions: Sequence[str], depth: int, recipe: Recipe
) -> list[list[str]]:
    """Ids of the chunks that a retriever finds for each question."""
    # Loaded here: `sfta --help` must not wait for llama.cpp.
    from sfta_edge.embedder import Embedder
    from sfta_edge.retriever import Retriever

    candidates = max(recipe.retrieval.candidates, depth)
    with (
        Embedder(folder / EMBEDDER) as embedder,
        Retriever(folder / KNOWLEDGE, embedder, candidates=candidates) as retriever,
    ):
        return [[h.chunk.id for h in hits] for hits in retriever.search_many(questions, depth)]


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
