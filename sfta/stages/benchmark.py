"""What an evaluation asks, the benchmark file of the recipe or rows of the dataset, and finds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.core.artifact import Artifact
from sfta.core.stage import Job
from sfta.evaluation.cases import Case, make_cases
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.questions import (
    GivenDocument,
    Question,
    questions_of_rows,
    read_questions,
)
from sfta.recipe import Recipe
from sfta.stages.index import open_retriever
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import sha256_file
from sfta_edge.retriever import Chunk

_DEPTH = 10  # how far down the ranking is measured; the model is given the first top_k
_OF_CHUNK = ("id", "document_id", "title", "page", "heading", "text", "start", "end")


def chunks_beside(dataset: Artifact, chunks: Mapping[str, Chunk]) -> dict[str, Chunk]:
    """The chunks of rows from a file, if the index does not hold them all; else none.

    Generated rows show chunks of the index. Rows from a file bring their whole context along:
    a chunk that happens to be in the index belongs to it like the others.
    """
    if "chunks.jsonl" not in {entry.path for entry in dataset.manifest.files}:
        return {}
    with dataset.file("chunks.jsonl").open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    if all(record["id"] in chunks for record in found):
        return {}
    return {r["id"]: Chunk(name=r["title"], **{n: r[n] for n in _OF_CHUNK}) for r in found}


def questions_asked(job: Job[Recipe], beside: Mapping[str, Chunk]) -> list[Question]:
    """The benchmark's questions; without a benchmark those of the test split.

    Raises:
        ConfigError: there is no question, or the file is no benchmark.
    """
    path = benchmark_file(job.recipe)
    if path is not None:
        return read_questions(path)
    given = {name: GivenDocument(name, c.title, c.text) for name, c in beside.items()}
    questions = questions_of_rows(dataset_rows(job, "test"), given)
    if not questions:
        raise ConfigError(
            "the dataset's test split holds no question to ask",
            hint="Set evaluate.questions, or raise the third of generate.split.shares.",
        )
    return questions


def searched_cases(
    index: Path, questions: Sequence[Question], chunks: Mapping[str, Chunk], recipe: Recipe
) -> list[Case]:
    """Every question with its oracle, searched for once in an index.

    Raises:
        ConfigError: a question names what the index does not hold.
    """
    oracles = resolve_oracles(questions, chunks.values())
    candidates, top_k = recipe.retrieval.candidates, recipe.retrieval.top_k
    # Deeper than `candidates` the search itself would change.
    depth = max(top_k, min(_DEPTH, candidates))
    with open_retriever(index, candidates) as retriever:

        def search(texts: Sequence[str], count: int) -> list[list[Chunk]]:
            return [[hit.chunk for hit in hits] for hits in retriever.search_many(texts, count)]

        return make_cases(questions, oracles, dict(chunks), search, top_k=top_k, depth=depth)


def dataset_rows(job: Job[Recipe], *splits: str) -> Iterator[dict[str, Any]]:
    """Rows of the dataset, split by split."""
    dataset: Artifact = job.inputs["dataset"]
    for split in splits:
        with dataset.file(f"{split}.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def asked_content(recipe: Recipe) -> dict[str, str]:
    """Digest of the benchmark's file: the recipe names it, its content decides the answers."""
    path = benchmark_file(recipe)
    return {"questions": sha256_file(path)[0]} if path is not None and path.is_file() else {}


def asked_problems(recipe: Recipe) -> list[str]:
    """Why the benchmark cannot be read; one sentence."""
    path = benchmark_file(recipe)
    try:
        if path is not None:
            read_questions(path)
    except SftaError as error:
        return [f"evaluate.questions: {error}"]
    return []


def benchmark_file(recipe: Recipe) -> Path | None:
    """Path of the benchmark, if the recipe names one."""
    name = recipe.evaluate.questions
    return recipe.root / name if name is not None else None
