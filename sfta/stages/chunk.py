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
from sfta.documents.chunking import CountTokens
from sfta.documents.config import ChunkConfig
from sfta.documents.quantiles import percentile
from sfta.documents.twins import Twins
from sfta.recipe import Recipe
from sfta_edge.documents.records import chunk_document, without_blocks
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json

CHUNKS = "chunks.jsonl"
DOCUMENTS = "documents.jsonl"
FLAGS = "flags.jsonl"
DUPLICATES = "duplicates.jsonl"
LENGTHS = "chunk_lengths.png"
COUNTS = "chunks_per_document.png"
_CODE = ("sfta.documents", "sfta_edge.documents", "sfta_edge.sentences")


def run(job: Job[Recipe]) -> Metrics:
    """Write the chunks, their documents, what was flagged or found twice, and two histograms.

    Raises:
        ConfigError: the documents hold no text at all.
    """
    recipe = job.recipe
    written = _Written(recipe)
    source = job.inputs["documents"].file(DOCUMENTS)
    with (
        task("chunk: documents", job.inputs["documents"].metrics.get("documents")) as progress,
        closing(_chunked(source, job)) as chunked,
        (job.out / CHUNKS).open("wb") as chunks_file,
        (job.out / DOCUMENTS).open("wb") as documents_file,
    ):
        for document, cut in zip(read_documents(source), chunked, strict=True):
            chunks = written.add(document, cut)
            chunks_file.writelines(canonical_json(chunk) + b"\n" for chunk in chunks)
            documents_file.write(canonical_json(without_blocks(document)) + b"\n")
            progress.advance()
    if not written.lengths:
        raise ConfigError("the documents hold no text", hint="Check ingest.sources.")
    _write_rows(job.out / FLAGS, written.flags)
    _write_rows(job.out / DUPLICATES, written.duplicates)
    plot(written.lengths, written.counts, recipe.chunk.max_tokens, job.out)
    return written.metrics()


class _Written:
    """What has been written so far: figures of the chunks, and the rows of the two lists."""

    def __init__(self, recipe: Recipe) -> None:
        config = recipe.chunk
        self._dropping = config.duplicates == "drop"
        self._twins = None
        if config.duplicates != "keep":
            self._twins = Twins(
                config.duplicate_similarity,
                same_numbers=True,
                remember_twins=not self._dropping,
            )
        self.lengths: list[int] = []
        self.counts: list[int] = []
        """Chunks of each document."""
        self.flags: list[dict[str, Any]] = []
        self.duplicates: list[dict[str, Any]] = []
        self._places: dict[str, dict[str, Any]] = {}
        """Document and page of each chunk that may be a twin, by its id."""
        self._pages = 0

    def add(
        self, document: dict[str, Any], chunks: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The chunks of one document that are kept."""
        kept = [chunk for chunk in chunks if not (self._has_twin(chunk) and self._dropping)]
        self._pages += len(document["pages"])
        self.counts.append(len(kept))
        self.lengths.extend(chunk["tokens"] for chunk in kept)
        self.flags.extend(_flagged(document, kept))
        return kept

    def metrics(self) -> Metrics:
        """Figures of the whole corpus; lengths are tokens."""
        return {
            "documents": len(self.counts),
            "pages": self._pages,
            "chunks": len(self.lengths),
            "tokens": sum(self.lengths),
            "tokens_shortest": min(self.lengths),
            "tokens_median": percentile(self.lengths, 50),
            "tokens_p95": percentile(self.lengths, 95),
            "tokens_longest": max(self.lengths),
            "near_duplicates": len(self.duplicates),
            "flagged": len({row["chunk_id"] for row in self.flags}),
        }

    def _has_twin(self, chunk: dict[str, Any]) -> bool:
        if self._twins is None:
            return False
        place = {name: chunk[name] for name in ("document_id", "page")}
        self._places[chunk["id"]] = place
        twin = self._twins.meet(chunk["id"], chunk["text"])
        if twin is None:
            return False
        other = self._places[twin.key]
        self.duplicates.append(
            {
                "chunk_id": chunk["id"],
                **place,
                "twin_id": twin.key,
                "twin_document_id": other["document_id"],
                "twin_page": other["page"],
                "similarity": twin.similarity,
                "dropped": self._dropping,
            }
        )
        return True


def _flagged(
    document: dict[str, Any], chunks: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Chunks that hold text which commands a model; see `ingest.instructions`."""
    flags = {page["number"]: page.get("flags", ()) for page in document["pages"]}
    for chunk in chunks:
        for flag in flags[chunk["page"]]:
            start, end = max(flag["start"], chunk["start"]), min(flag["end"], chunk["end"])
            if start < end:
                yield {
                    "chunk_id": chunk["id"],
                    "document_id": document["id"],
                    "name": document["name"],
                    "page": chunk["page"],
                    "reason": flag["reason"],
                    "text": chunk["text"][start - chunk["start"] : end - chunk["start"]],
                }


def _chunked(source: Path, job: Job[Recipe]) -> Generator[list[dict[str, Any]], None, None]:
    """The chunks of each document; a document that is as before is not cut again."""
    recipe, config = job.recipe, job.recipe.chunk
    folder = hub.resolve_model(recipe.model.base, job.runtime.cache, root=recipe.root)
    rules = hub.tokenizer_rules(hub.load_tokenizer(folder))
    code = code_identity((*_CODE, __name__), ("tokenizers",))
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


def read_documents(path: Path) -> Iterator[dict[str, Any]]:
    """The document records of an artifact, one after another."""
    with path.open("rb") as stream:
        for line in stream:
            yield json.loads(line)


def plot(lengths: Sequence[int], counts: Sequence[int], most: int, folder: Path) -> None:
    """Histograms of chunk lengths and of chunks per document."""
    # Matplotlib takes most of a second to load.
    from sfta.documents.histograms import draw_counts, draw_lengths

    draw_lengths(lengths, most, folder / LENGTHS)
    draw_counts(counts, folder / COUNTS)


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(canonical_json(row) + b"\n" for row in rows))


def _external(recipe: Recipe, _runtime: Runtime) -> str:
    """Which model the tokenizer belongs to."""
    return hub.model_identity(recipe.model.base, root=recipe.root)


STAGE: Stage[Recipe] = Stage(
    name="chunk",
    needs=("documents",),
    makes="corpus",
    sections=("chunk", "model"),
    run=run,
    revision=3,
    external=_external,
)
