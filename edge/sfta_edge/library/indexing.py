"""From one original to its rows in the knowledge file, in steps that survive an interruption."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from sfta_edge.documents.document import Parsed, document_id
from sfta_edge.documents.records import chunk_document, without_blocks
from sfta_edge.documents.rules import ChunkRules
from sfta_edge.knowledge_format import Identity, Vectors, passage
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.library.job import Job, Place
from sfta_edge.library.jobs import JobList
from sfta_edge.library.limits import ParseLimits
from sfta_edge.library.sandbox import CancelledError, parse_file
from sfta_edge.manifest import canonical_json, write_durably

_BATCH = 16
"""Passages embedded between two looks at whether somebody cancelled; each batch is kept."""


class PassageEmbedder(Protocol):
    """Turns texts into normalised vectors, and knows how long a text is for it."""

    @property
    def identity(self) -> Identity: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...

    def count_tokens(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Indexed:
    """A document that is ready to be written."""

    document: Mapping[str, Any]
    chunks: Sequence[Mapping[str, Any]]
    vectors: Vectors

    def facts(self) -> dict[str, object]:
        """What the list of jobs remembers of it."""
        return {
            "title": self.document["title"],
            "media_type": self.document["media_type"],
            "pages": len(self.document["pages"]),
            "chunks": len(self.chunks),
        }


class Indexer:
    """Reads, cuts and embeds; each step is kept on disk until the document is written."""

    def __init__(
        self,
        scratch: Path,
        jobs: JobList,
        embedder: PassageEmbedder,
        rules: ChunkRules,
        limits: ParseLimits,
    ) -> None:
        self._scratch = scratch
        self._jobs = jobs
        self.embedder = embedder
        """The one that questions are embedded with."""
        self._rules = rules
        self._limits = limits
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)

    def prepare(self, job: Job, original: Path, cancel: threading.Event) -> Indexed:
        """Everything up to the writing.

        Raises:
            UnreadableError: the file cannot become a document.
            CancelledError: `cancel` was set, or the job has ended.
        """
        self._step(job, step="read")
        parsed = self._parsed(job, original, cancel)
        document = _document(job, parsed)
        chunks = chunk_document(document, self.embedder.count_tokens, self._rules)
        self._step(job, step="index", total=len(chunks))
        vectors = self._vectors(job, document["title"], chunks, cancel)
        return Indexed(without_blocks(document), chunks, vectors)

    def clear(self, job: Job) -> None:
        """Remove what was kept of a job that has ended."""
        self._kept(job).unlink(missing_ok=True)

    def clear_others(self, running: Callable[[str], bool]) -> None:
        """Remove what was kept of jobs that have ended without saying so."""
        for path in list(self._scratch.iterdir()):
            if not running(path.stem):
                path.unlink()

    def _parsed(self, job: Job, original: Path, cancel: threading.Event) -> Parsed:
        kept = self._kept(job)
        if kept.exists():
            return Parsed.from_json(json.loads(kept.read_bytes()))
        parsed = parse_file(original, job.name, self._limits, cancel)
        write_durably(kept, canonical_json(parsed.to_json()))
        self._step(job, tries=0)
        return parsed

    def _vectors(
        self,
        job: Job,
        title: str,
        chunks: Sequence[Mapping[str, Any]],
        cancel: threading.Event,
    ) -> Vectors:
        identity = self.embedder.identity
        known = self._jobs.vectors(job)
        keys = [f"{identity.sha256[:16]} {chunk['id']}" for chunk in chunks]
        missing = [row for row, key in enumerate(keys) if key not in known]
        vectors = np.zeros((len(chunks), identity.dimension), dtype=np.float32)
        for row in set(range(len(keys))) - set(missing):
            vectors[row] = known[keys[row]]
        for start in range(0, len(missing), _BATCH):
            if cancel.is_set():
                raise CancelledError("it was cancelled")
            batch = missing[start : start + _BATCH]
            vectors[batch] = self.embedder.embed(
                [passage(title, chunks[row]["heading"], chunks[row]["text"]) for row in batch]
            )
            done = len(chunks) - len(missing) + start + len(batch)
            if not self._jobs.keep_vectors(
                job, [keys[row] for row in batch], vectors[batch], done
            ):
                raise CancelledError("it was cancelled")
        return vectors

    def _step(self, job: Job, **values: object) -> None:
        if not self._jobs.change(job.id, **values):
            raise CancelledError("it was cancelled")

    def _kept(self, job: Job) -> Path:
        return self._scratch / f"{job.id}.json"


def place_id(sha256: str, name: str, place: Place) -> str:
    """Id of a document of the device; never that of the same file in a bundle."""
    return document_id(sha256, f"device/{place.collection}/{place.access}/{name}")


def write_document(path: Path, identity: Identity, made: Indexed, olds: Sequence[str]) -> None:
    """Put a document into the knowledge file, in the place of older ones; make the file first.

    Doing it twice is the same as doing it once.
    """
    identifier = str(made.document["id"])
    with closing(open_writer(path, identity)) as writer:
        if olds:
            # It is there already if the program was interrupted right after it was written.
            writer.remove(identifier)
        first, *others = olds or [identifier]
        writer.replace(first, made.document, made.chunks, made.vectors)
        for old in others:
            writer.remove(old)


def open_writer(path: Path, identity: Identity) -> KnowledgeWriter:
    """The knowledge file, ready to be changed; a new one is made in one step."""
    if not path.exists():
        scratch = path.with_name(f".{path.name}.new")
        for name in (scratch.name, f"{scratch.name}-wal", f"{scratch.name}-shm"):
            scratch.with_name(name).unlink(missing_ok=True)
        KnowledgeWriter.create(scratch, identity).close()
        scratch.replace(path)
    return KnowledgeWriter.open(path, identity)


def _document(job: Job, parsed: Parsed) -> dict[str, Any]:
    return {
        "id": job.document_id,
        "name": job.name,
        "title": parsed.title or PurePosixPath(job.name).stem,
        "sha256": job.sha256,
        "media_type": parsed.media_type,
        "language": parsed.language,
        "licence": "",
        "owner": job.owner,
        "access": job.place.access,
        "collection": job.place.collection,
        "pages": [page.to_json() for page in parsed.pages],
    }
