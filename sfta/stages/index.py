"""Stage index: corpus -> index, the knowledge file and the embedder that ship together."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.adapters import hub
from sfta.core.artifact import Artifact
from sfta.core.progress import task
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta.stages.embedding import embed_all
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.knowledge import write_knowledge
from sfta_edge.knowledge_format import passage

if TYPE_CHECKING:
    from sfta_edge.retriever import Retriever

KNOWLEDGE = "knowledge.sqlite"
EMBEDDER = "embedder.gguf"
_SEARCHED_AT_ONCE = 256


def run(job: Job[Recipe]) -> Metrics:
    """Embed every chunk and write the knowledge file."""
    from sfta_export.gguf import embedder_gguf

    recipe, cache = job.recipe, job.runtime.cache
    folder = hub.resolve_model(recipe.index.embedder, cache, root=recipe.root)
    return write_index(
        embedder_gguf(folder, cache).resolve(), job.inputs["corpus"], job.out, job.runtime
    )


def write_index(model: Path, corpus: Artifact, out: Path, runtime: Runtime) -> Metrics:
    """Knowledge file of a corpus and a copy of the embedder it was made with."""
    # Loaded here: `sfta --help` must not wait for llama.cpp.
    from sfta_edge.embedder import Embedder

    shutil.copyfile(model, out / EMBEDDER)
    documents, chunks = read_corpus(corpus)
    with Embedder(out / EMBEDDER) as embedder:
        identity = embedder.identity
    texts = passages(documents, chunks)
    vectors, truncated = embed_all(texts, model, identity.sha256, runtime)
    write_knowledge(out / KNOWLEDGE, documents, chunks, vectors, identity)
    return {
        "documents": len(documents),
        "chunks": len(chunks),
        "dimension": identity.dimension,
        "truncated": truncated,
        "bytes": (out / KNOWLEDGE).stat().st_size,
    }


@contextmanager
def open_retriever(folder: Path, candidates: int) -> Iterator["Retriever"]:
    """An index, or a folder with the same two files, ready to be searched as on the device."""
    # Loaded here: `sfta --help` must not wait for llama.cpp.
    from sfta_edge.embedder import Embedder
    from sfta_edge.retriever import Retriever

    with (
        Embedder(folder / EMBEDDER) as embedder,
        Retriever(folder / KNOWLEDGE, embedder, candidates=candidates) as retriever,
    ):
        yield retriever


def searching(search_many: Any) -> Callable[[Sequence[str], int], list[list[str]]]:
    """The retriever as a function from questions to chunk ids, with progress."""

    def search(questions: Sequence[str], top_k: int) -> list[list[str]]:
        found: list[list[str]] = []
        with task("searching", len(questions)) as progress:
            for start in range(0, len(questions), _SEARCHED_AT_ONCE):
                batch = questions[start : start + _SEARCHED_AT_ONCE]
                found += [[hit.chunk.id for hit in hits] for hits in search_many(batch, top_k)]
                progress.advance(len(batch))
        return found

    return search


def read_corpus(corpus: Artifact) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Documents and chunks, both in the order of the corpus.

    Raises:
        ConfigError: the corpus is empty.
    """
    documents = list(_records(corpus.file("documents.jsonl")))
    chunks = list(_records(corpus.file("chunks.jsonl")))
    if not chunks:
        raise ConfigError(
            "the corpus holds no chunks", hint="Check ingest.sources and the quarantine list."
        )
    return documents, chunks


def passages(documents: list[dict[str, Any]], chunks: list[dict[str, Any]]) -> list[str]:
    """The text of each chunk as the embedder reads it."""
    titles = {document["id"]: document["title"] for document in documents}
    texts = []
    for chunk in chunks:
        title = titles.get(chunk["document_id"])
        if title is None:
            raise IntegrityError(f"chunk {chunk['id']} belongs to no document of the corpus")
        texts.append(passage(title, chunk["heading"], chunk["text"]))
    return texts


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    return {"embedder": hub.model_identity(recipe.index.embedder, root=recipe.root)}


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:  # noqa: ARG001 same for all stages
    try:
        hub.model_identity(recipe.index.embedder, root=recipe.root)
    except SftaError as error:
        return [f"index.embedder: {error}"]
    return []


STAGE = Stage(
    name="index",
    needs=("corpus",),
    makes="index",
    sections=("index",),
    revision=2,
    run=run,
    external=_external,
    check=_check,
)
