"""Stage generate: corpus and index -> dataset, the RAFT rows the student learns from."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfta.core.progress import task
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.raft.candidate import Candidate, Funnel, Rejected
from sfta.raft.card import is_refusal
from sfta.raft.config import ExtractiveTeacher, WrittenTeacher
from sfta.raft.corpus import CorpusChunk
from sfta.raft.coverage import page_coverage
from sfta.raft.dataset import Checks, Judge, Setting, add_rejected, build_rows
from sfta.raft.filter_report import filter_report, filters_off
from sfta.raft.filters import Embed
from sfta.raft.leakage import leakage
from sfta.raft.questions import extractive_candidates
from sfta.raft.rejections import Sorted
from sfta.raft.rows import rejected_row
from sfta.raft.splits import assign_splits, group_of
from sfta.recipe import Recipe
from sfta.stages.asking import endpoint_problems
from sfta.stages.dataset_folder import read_rejections, reject_by_hand, write_dataset
from sfta.stages.dataset_papers import dataset_papers, source_documents
from sfta.stages.index import searching
from sfta.stages.inquiries import written_candidates
from sfta.stages.judging import judge_of
from sfta.stages.stepwise import stepwise_candidates
from sfta.stages.target import target_file, target_problems, target_questions
from sfta.stages.teachers import teacher_content, teacher_problems
from sfta.stages.written import candidates_of_people, written_file, written_problems
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import sha256_file

_BATCH = 256


def run(job: Job[Recipe]) -> Metrics:
    """Ask, filter, choose, mix contexts, write.

    Raises:
        ConfigError: no usable question is left, or train leaks into the held-out rows.
    """
    chunks = read_chunks(job.inputs["corpus"].file("chunks.jsonl"))
    config, seed = job.recipe.generate, job.recipe.seed
    setting = Setting(
        chunks={chunk.id: chunk for chunk in chunks},
        splits=assign_splits(chunks, config.split, seed),
        config=config,
        prompt=job.recipe.prompt,
        top_k=job.recipe.retrieval.top_k,
        seed=seed,
        target=target_questions(job.recipe),
    )
    funnel = Funnel()
    judge = judge_of(job.recipe, setting, job.runtime.cache, funnel)
    candidates = _candidates(job, chunks, funnel)
    rows = _searched(job, candidates, setting, funnel, judge)
    off = filters_off(config.filters, judged=judge is not None, aimed=bool(setting.target))
    funnel.notes["filters"] = filter_report(funnel.rejected, off)
    sorted_out = reject_by_hand(
        rows, _rejections(job.recipe), (item.candidate.question for item in funnel.rejected)
    )
    _check(sorted_out.kept, setting, funnel)
    coverage = _write(job, sorted_out, setting, funnel)
    return _metrics(sorted_out, funnel, coverage)


def read_chunks(path: Path) -> list[CorpusChunk]:
    """Chunks of a corpus, in its order."""
    with path.open("rb") as stream:
        return [CorpusChunk.of(json.loads(line)) for line in stream]


def _candidates(
    job: Job[Recipe], chunks: Sequence[CorpusChunk], funnel: Funnel
) -> list[Candidate]:
    teacher = job.recipe.generate.teacher
    if isinstance(teacher, ExtractiveTeacher):
        found, lost = extractive_candidates(chunks, teacher, job.recipe.seed)
        add_rejected(funnel, lost)
        return found
    if isinstance(teacher, WrittenTeacher):
        documents = source_documents(job.inputs["corpus"].file("documents.jsonl"))
        path = job.recipe.root / teacher.file
        return candidates_of_people(path, chunks, documents, funnel)
    if job.recipe.generate.questions.answered == "separately":
        return stepwise_candidates(chunks, job.recipe, teacher, job.runtime, funnel)
    return written_candidates(chunks, job.recipe, job.runtime, funnel)


def _searched(
    job: Job[Recipe],
    candidates: Sequence[Candidate],
    setting: Setting,
    funnel: Funnel,
    judge: Judge | None,
) -> list[dict[str, Any]]:
    # Loaded here: `sfta --help` must not wait for llama.cpp.
    from sfta_edge.embedder import Embedder
    from sfta_edge.retriever import Retriever

    index = job.inputs["index"]
    embedder = Embedder(index.file("embedder.gguf"))
    try:
        with Retriever(
            index.file("knowledge.sqlite"), embedder,
            candidates=job.recipe.retrieval.candidates,
        ) as retriever:  # fmt: skip
            search = searching(retriever.search_many)
            return build_rows(
                candidates, setting, search, funnel, Checks(embedding(embedder.embed), judge)
            )
    finally:
        embedder.close()


def embedding(embed: Embed) -> Embed:
    """Texts to vectors, with progress."""

    def embed_all(texts: Sequence[str]) -> Any:
        found: list[Any] = []
        with task("comparing questions", len(texts)) as progress:
            for start in range(0, len(texts), _BATCH):
                found.append(embed(texts[start : start + _BATCH]))
                progress.advance(len(found[-1]))
        return np.concatenate(found)

    return embed_all


def _check(rows: Sequence[Mapping[str, Any]], setting: Setting, funnel: Funnel) -> None:
    if not any(row["split"] == "train" for row in rows):
        raise ConfigError(
            "no row is left to train on: " + _most_frequent(funnel),
            hint="Read more documents, or loosen generate.filters.",
        )
    split = setting.config.split
    documents = {chunk.id: chunk.document_id for chunk in setting.chunks.values()}
    found = leakage(rows, setting.config.filters.near_duplicate, documents)
    funnel.notes["leakage"] = {**found, "limit": split.leakage_limit}
    share = found["share"]
    if isinstance(share, float) and share > split.leakage_limit:
        raise ConfigError(
            f"{share:.1%} of the held-out rows repeat a question or a quote of train",
            hint="Use a coarser generate.split.group_by, lower split.near_duplicate, or set "
            "split.seen_test lower.",
        )


def _most_frequent(funnel: Funnel) -> str:
    reasons = [f"{reason} {count}" for reason, count in funnel.reasons.most_common(3)]
    return f"{funnel.entered} candidates, turned away: {', '.join(reasons) or 'none'}"


def _write(
    job: Job[Recipe], sorted_out: Sorted, setting: Setting, funnel: Funnel
) -> dict[str, Any]:
    """Write the dataset; return what it covers."""
    corpus = job.inputs["corpus"]
    rejected = [*_rejected(funnel.rejected, setting), *sorted_out.rejected]
    documents = source_documents(corpus.file("documents.jsonl"))
    chunks = list(setting.chunks.values())
    coverage = page_coverage(chunks, documents, sorted_out.kept, rejected)
    report = {**funnel.to_json(), "rejected": _reasons(sorted_out, funnel)}
    papers = dataset_papers(job.recipe, sorted_out.kept, chunks, documents, coverage, report)
    corpus_chunks = corpus.file("chunks.jsonl").read_bytes()
    write_dataset(job.out, sorted_out.kept, rejected, corpus_chunks, papers)
    return coverage


def _reasons(sorted_out: Sorted, funnel: Funnel) -> dict[str, int]:
    """How many candidates and rows each reason has cost."""
    by_hand = Counter(str(row["rejected_because"]) for row in sorted_out.rejected)
    return dict(sorted((funnel.reasons + by_hand).items()))


def _rejections(recipe: Recipe) -> Path | None:
    name = recipe.generate.rejections
    return recipe.root / name if name is not None else None


def _rejected(lost: Sequence[Rejected], setting: Setting) -> list[dict[str, Any]]:
    return [
        rejected_row(
            item.candidate,
            item.reason,
            setting.split_of(item.candidate) or setting.splits[item.candidate.chunk_id],
            group_of(setting.chunks[item.candidate.chunk_id], setting.config.split),
        )
        for item in lost
    ]


def _metrics(sorted_out: Sorted, funnel: Funnel, coverage: Mapping[str, Any]) -> Metrics:
    rows = sorted_out.kept
    return {
        "rows": len(rows),
        "rows_by_split": dict(sorted(Counter(row["split"] for row in rows).items())),
        "rows_by_kind": dict(sorted(Counter(row["kind"] for row in rows).items())),
        "refusal_share": round(sum(map(is_refusal, rows)) / len(rows), 4),
        "oracle_share": round(sum(row["oracle_present"] for row in rows) / len(rows), 4),
        "candidates": funnel.entered,
        "rejected": _reasons(sorted_out, funnel),
        "rejected_by_hand": len(sorted_out.rejected),
        "pages": coverage["pages"],
        "pages_with_questions": coverage["pages_with_questions"],
        "wordings": funnel.notes["wordings"],
        "retriever": funnel.notes["retriever"],
        "teacher": {**_noted(funnel, "teacher"), **funnel.facts},
        "judge": _noted(funnel, "judge"),
    }


def _noted(funnel: Funnel, name: str) -> dict[str, Any]:
    note = funnel.notes.get(name)
    return note if isinstance(note, dict) else {}


def _problems(recipe: Recipe, runtime: Runtime) -> list[str]:
    found: list[str] = []
    if (path := _rejections(recipe)) is not None:
        try:
            read_rejections(path)
        except SftaError as error:
            found += f"generate.rejections: {error}".split("\n")
    found += teacher_problems(recipe, runtime)
    found += target_problems(recipe)
    found += written_problems(recipe)
    if recipe.generate.judge.model is not None:
        found += endpoint_problems(recipe.generate.judge)
    return found


def _external(recipe: Recipe, _runtime: Runtime) -> dict[str, str]:
    """What a person turned away is part of what comes out, and so is a local teacher."""
    path, found = _rejections(recipe), teacher_content(recipe)
    for name, file in (
        ("rejections", path), ("target", target_file(recipe)), ("written", written_file(recipe)),
    ):  # fmt: skip
        if file is not None and file.is_file():
            found[name] = sha256_file(file)[0]
    return found


STAGE: Stage[Recipe] = Stage(
    name="generate",
    needs=("corpus", "index"),
    makes="dataset",
    sections=("name", "seed", "retrieval", "prompt", "generate", "card"),
    run=run,
    revision=9,
    external=_external,
    check=_problems,
)
