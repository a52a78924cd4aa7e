"""Three small stages: files become chunks, and chunks are counted."""

from dataclasses import replace

import pytest

from sfta.core.config import Section
from sfta.core.stage import (
    Runtime,
    Stage,
    run_stages,
)


class Chunk(Section):
    words: int = 3


class Recipe(Section):
    seed: int = 7
    source: str = "a b c d"
    chunk: Chunk = Chunk()
    unrelated: int = 0


def ingest(job):
    (job.out / "text.txt").write_text(job.recipe.source, "utf-8")
    return {"characters": len(job.recipe.source)}


def chunk(job):
    words = job.inputs["documents"].file("text.txt").read_text("utf-8").split()
    kept = words[: job.recipe.chunk.words]
    (job.out / "chunks.txt").write_text(" ".join(kept), "utf-8")
    return {"chunks": len(kept)}


def count(job):
    chunks = job.inputs["corpus"].file("chunks.txt").read_text("utf-8")
    (job.out / "count.txt").write_text(str(len(chunks.split())), "utf-8")
    return {}


def stages(**changes):
    """Three stages in a row; `changes` go to the first one."""
    first = Stage(name="ingest", needs=(), makes="documents", sections=("source",), run=ingest)
    return (
        replace(first, **changes),
        Stage(
            name="chunk",
            needs=("documents",),
            makes="corpus",
            sections=("seed", "chunk"),
            run=chunk,
        ),
        Stage(name="count", needs=("corpus",), makes="index", sections=(), run=count),
    )


@pytest.fixture
def stage_runtime(tmp_path):
    return Runtime(runs=tmp_path / "runs", cache=tmp_path / "cache")


def ran(chosen, recipe, runtime):
    """Names of the stages that were made, not reused."""
    outcomes = []
    run_stages(chosen, recipe, runtime, on_outcome=outcomes.append)
    return [outcome.stage for outcome in outcomes if not outcome.reused]


def never(job):
    raise AssertionError(f"{job} ran")
