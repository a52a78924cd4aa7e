"""Chunk: the pages of the documents are cut into chunks, measured by the student's tokenizer."""

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.core.cached_map import cached_map
from sfta.core.executor import executor_of
from sfta.core.progress import task
from sfta.core.record_cache import FOLDER, RecordCache, code_identity, record_key
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.documents.chunking import Chunk, CountTokens, chunk_pages
from sfta.documents.config import ChunkConfig
from sfta.documents.document import Page
from sfta.recipe import Recipe
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json

CHUNKS = "chunks.jsonl"
DOCUMENTS = "documents.jsonl"
HISTOGRAM = "chunk_lengths.png"
_PAGE_FIELDS = ("number", "text", "width", "height", "lines")
_BINS = 24


def run(job: Job[Recipe]) -> Metrics:
    """Write chunks.jsonl, the documents that go with them, and the histogram of lengths.

    Raises:
        ConfigError: the documents hold no text at all.
    """
    recipe = job.recipe
    lengths: list[int] = []
    documents = pages = 0
    source = job.inputs["documents"].file(DOCUMENTS)
    with (
        task("chunk: documents", job.inputs["documents"].metrics.get("documents")) as progress,
        closing(_chunked(source, job)) as chunked,
        (job.out / CHUNKS).open("wb") as chunks_file,
        (job.out / DOCUMENTS).open("wb") as documents_file,
    ):
        for document, chunks in zip(read_documents(source), chunked, strict=True):
            chunks_file.writelines(canonical_json(chunk) + b"\n" for chunk in chunks)
            documents_file.write(canonical_json(_without_blocks(document)) + b"\n")
            lengths.extend(chunk["tokens"] for chunk in chunks)
            documents += 1
            pages += len(document["pages"])
            progress.advance()
    if not lengths:
        raise ConfigError("the documents hold no text", hint="Check ingest.sources.")
    plot_lengths(lengths, recipe.chunk.max_tokens, job.out / HISTOGRAM)
    return {"documents": documents, "pages": pages, **_summary(lengths)}


def _chunked(source: Path, job: Job[Recipe]) -> Generator[list[dict[str, Any]], None, None]:
    """The chunks of each document; a document that is as before is not cut again."""
    recipe, config = job.recipe, job.recipe.chunk
    folder = hub.resolve_model(recipe.model.base, job.runtime.cache, root=recipe.root)
    rules = hub.tokenizer_rules(hub.load_tokenizer(folder))
    code = code_identity(("sfta.documents", "sfta_edge.sentences", __name__), ("tokenizers",))
    settings = record_key(code, rules, config.model_dump(mode="json"))
    with (
        RecordCache(job.runtime.cache / FOLDER / "chunked.sqlite") as cache,
        source.open("rb") as lines,
    ):
        values = cached_map(
            partial(_chunk_lines, rules, config),
            lines,
            lambda line: record_key(settings, hashlib.sha256(line).hexdigest()),
            cache=cache,
            executor=executor_of(job.runtime),
        )
        for value in values:
            yield json.loads(value)


def _chunk_lines(rules: str, config: ChunkConfig, lines: Sequence[bytes]) -> list[bytes]:
    count_tokens = token_counter(rules)
    return [
        canonical_json(chunk_document(json.loads(line), count_tokens, config)) for line in lines
    ]


@lru_cache(maxsize=1)
def token_counter(rules: str) -> CountTokens:
    """Counts the tokens of a text as the student reads it, without begin or end token.

    Args:
        rules: the student's tokenizer, as `hub.tokenizer_rules` gives it.
    """
    tokenize = hub.tokenize_by(rules)
    return lambda text: len(tokenize(text, False))


def chunk_document(
    document: dict[str, Any], count_tokens: CountTokens, config: ChunkConfig
) -> list[dict[str, Any]]:
    """The chunk records of one document record, in reading order."""
    pages = [Page.from_json(page) for page in document["pages"]]
    chunks = chunk_pages(pages, count_tokens, config)
    return [_record(document, chunk, ordinal) for ordinal, chunk in enumerate(chunks)]


def read_documents(path: Path) -> Iterator[dict[str, Any]]:
    """The document records of an artifact, one after another."""
    with path.open("rb") as stream:
        for line in stream:
            yield json.loads(line)


def chunk_id(document_id: str, page: int, start: int, end: int, text: str) -> str:
    """First 16 hex digits of the digest of place and text: the same chunk, the same id."""
    return hashlib.sha256(canonical_json([document_id, page, start, end, text])).hexdigest()[
        :16
    ]


def plot_lengths(lengths: Sequence[int], most: int, path: Path) -> None:
    """Histogram of chunk lengths in tokens, with the limit; the same bytes every time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.hist(lengths, bins=_BINS, range=(0, most), color="#0b4f6c", edgecolor="white")
    axes.axvline(most, color="#a4161a", linestyle="--", linewidth=1)
    axes.set_xlabel("tokens per chunk (dashed: limit)")
    axes.set_ylabel("chunks")
    axes.spines[["top", "right"]].set_visible(False)
    # Without this the file names the version of the plotting library.
    figure.savefig(path, metadata={"Software": None})


def _record(document: dict[str, Any], chunk: Chunk, ordinal: int) -> dict[str, Any]:
    place = (document["id"], chunk.page, chunk.start, chunk.end, chunk.text)
    return {
        "id": chunk_id(*place),
        "document_id": document["id"],
        "title": document["title"],
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "heading": chunk.heading,
        "text": chunk.text,
        "tokens": chunk.tokens,
        "ordinal": ordinal,
        "table_header": chunk.table_header,
    }


def _without_blocks(document: dict[str, Any]) -> dict[str, Any]:
    pages = [{name: page[name] for name in _PAGE_FIELDS} for page in document["pages"]]
    return {**document, "pages": pages}


def _summary(lengths: Sequence[int]) -> Metrics:
    ordered = sorted(lengths)
    middle = len(ordered) // 2
    return {
        "chunks": len(ordered),
        "tokens": sum(ordered),
        "tokens_shortest": ordered[0],
        "tokens_median": ordered[middle],
        "tokens_longest": ordered[-1],
    }


def _external(recipe: Recipe, _runtime: Runtime) -> str:
    """Which model the tokenizer belongs to."""
    return hub.model_identity(recipe.model.base, root=recipe.root)


STAGE: Stage[Recipe] = Stage(
    name="chunk",
    needs=("documents",),
    makes="corpus",
    sections=("chunk", "model"),
    run=run,
    external=_external,
)
