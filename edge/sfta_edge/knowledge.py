"""The knowledge file: documents, pages, chunks, full text and vectors in one SQLite file.

Rules this module upholds:

- One transaction per document: a crash leaves it complete or absent.
- Every chunk has its full text, its vector and its row in the vector index; `verify` counts.
- Vectors are finite and normalised, so Euclidean distance ranks like the cosine.
- `write_knowledge` gives the same bytes for the same input and the same SQLite.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_checks import probe_vectors
from sfta_edge.knowledge_format import (
    BUSY_MILLISECONDS,
    Identity,
    Record,
    Vectors,
    connect,
    field,
    read_identity,
    value,
)
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.manifest import sync_folder
from sfta_edge.transaction import transaction

__all__ = ["Knowledge", "KnowledgeWriter", "open_knowledge", "write_knowledge"]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """An open knowledge file that has passed its probes."""

    connection: apsw.Connection
    embedder: dict[str, Any]
    """Identity of the embedder as it was written: name, sha256, dimension, ..."""
    chunks: int
    """How many chunks the file holds."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.embedder["dimension"])

    def close(self) -> None:
        """Release the file."""
        self.connection.close()


def open_knowledge(path: Path) -> Knowledge:
    """Open read-only, and prove that the vector extension answers.

    Raises:
        IntegrityError: no knowledge file, another schema, or an index that does not answer.
    """
    connection = connect(path, apsw.SQLITE_OPEN_READONLY, "mode=ro")
    try:
        connection.pragma("query_only", 1)
        connection.pragma("trusted_schema", 0)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        with transaction(
            connection, "DEFERRED"
        ):  # one state of a file that somebody is writing
            embedder = read_identity(connection, path)
            count = int(value(connection, "SELECT count(*) FROM chunks"))
            probe_vectors(connection, int(embedder["dimension"]), path)
    except apsw.Error as error:
        connection.close()
        raise IntegrityError(f"{path} is not a usable knowledge file: {error}") from error
    except IntegrityError:
        connection.close()
        raise
    return Knowledge(connection, embedder, count)


def write_knowledge(
    path: Path,
    documents: Iterable[Record],
    chunks: Iterable[Record],
    vectors: Vectors,
    identity: Identity,
) -> None:
    """Write a whole knowledge file in one step that survives a crash.

    `documents` and `chunks` are the records of a corpus; row i of `vectors` (n, dimension)
    belongs to chunk i. The file replaces `path` only when it is complete and verified.

    Raises:
        IntegrityError: a record does not fit its document, or a vector is unusable.
    """
    chunk_list = list(chunks)
    if len(chunk_list) != len(vectors):
        raise IntegrityError(f"{len(chunk_list)} chunks but {len(vectors)} vectors")
    rows_of: dict[str, list[int]] = {}
    for row, chunk in enumerate(chunk_list):
        rows_of.setdefault(field(chunk, "document_id", str), []).append(row)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    writer = KnowledgeWriter.create(scratch, identity, growing=False)
    try:
        for document in documents:
            rows = rows_of.pop(field(document, "id", str), [])
            writer.add(document, [chunk_list[row] for row in rows], vectors[rows])
        if rows_of:
            raise IntegrityError(f"chunks of unknown documents: {', '.join(sorted(rows_of))}")
        writer.finish()
        scratch.replace(path)
        sync_folder(path.parent)
    finally:
        writer.close()
        scratch.unlink(missing_ok=True)
