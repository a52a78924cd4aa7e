"""Changing a knowledge file: documents come, go and are replaced, each in one transaction.

Rules this module upholds:

- One transaction per document: a crash leaves it complete or absent, or as it was.
- What was acknowledged survives a power cut (`synchronous=FULL`).
- A file that grows is in WAL mode: who reads it sees one state of it and is never held up.
- One process writes at a time; another waits for it, five seconds at most.
- What was removed from a file that grows is overwritten, not only forgotten.
"""

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import apsw

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_checks import check_vectors, probe_vectors, verify_tables
from sfta_edge.knowledge_format import (
    BUSY_MILLISECONDS,
    PAGE_BYTES,
    SCHEMA,
    Identity,
    Record,
    Vectors,
    connect,
    create_vector_index,
    field,
    identity_facts,
    read_identity,
    require_same,
    value,
)
from sfta_edge.knowledge_rows import insert_document, rebuild_vectors, remove_document
from sfta_edge.manifest import canonical_json
from sfta_edge.transaction import transaction

_IDENTITY = "SELECT value FROM meta WHERE key = 'embedder'"


class KnowledgeWriter:
    """Adds, replaces and removes documents, each in one transaction."""

    def __init__(self, connection: apsw.Connection, path: Path, dimension: int) -> None:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.pragma("synchronous", "FULL")
        connection.pragma("secure_delete", 1)
        self._connection = connection
        self._path = path
        self._dimension = dimension
        self._identity: str = value(connection, _IDENTITY)

    @classmethod
    def create(cls, path: Path, identity: Identity, *, growing: bool = True) -> Self:
        """Start a new file; `path` must not exist.

        Args:
            path: its folder exists.
            identity: of the embedder that makes the vectors.
            growing: read while it is written (WAL). False: written once, then read from media
                that may be read-only.

        Raises:
            IntegrityError: the dimension is not one that the index can hold.
        """
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        connection = connect(path, flags, "mode=rwc")
        connection.pragma("page_size", PAGE_BYTES)
        if growing:
            # Lets `compaction` give space back within a transaction, without a copy of the file.
            connection.pragma("auto_vacuum", 2)
            connection.pragma("journal_mode", "wal")
        facts = identity_facts(identity)
        with transaction(connection):
            connection.execute(files("sfta_edge").joinpath("schema.sql").read_text("utf-8"))
            create_vector_index(connection, identity.dimension)
            meta = {
                "schema": SCHEMA,
                "embedder": canonical_json(facts).decode(),
                "sqlite_vec": str(value(connection, "SELECT vec_version()")),
            }
            connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(meta.items()))
        return cls(connection, path, identity.dimension)

    @classmethod
    def open(cls, path: Path, identity: Identity | None = None) -> Self:
        """Continue an existing file, from now on as one that grows.

        Args:
            path: the file.
            identity: of the embedder that makes the vectors, so that no others get in.

        Raises:
            IntegrityError: as `knowledge.open_knowledge`, a schema that can only be read, or a
                file whose vectors another embedder made.
        """
        connection = connect(path, apsw.SQLITE_OPEN_READWRITE, "mode=rw")
        try:
            stored = read_identity(connection, path)
            dimension = int(stored["dimension"])
            _require_current(connection, path)
            if identity is not None:
                require_same(stored, identity)
            probe_vectors(connection, dimension, path)
            connection.pragma("journal_mode", "wal")
        except apsw.Error as error:
            connection.close()
            raise IntegrityError(f"{path} is not a usable knowledge file: {error}") from error
        except IntegrityError:
            connection.close()
            raise
        return cls(connection, path, dimension)

    def add(self, document: Record, chunks: Sequence[Record], vectors: Vectors) -> None:
        """Add one document with its chunks and their vectors, or nothing at all.

        Raises:
            IntegrityError: the id is taken, a chunk is not its page's text, or a vector is
                not finite, not normalised or of another dimension.
        """
        self._change(None, document, chunks, vectors)

    def replace(
        self, old_id: str, document: Record, chunks: Sequence[Record], vectors: Vectors
    ) -> None:
        """Put a document in the place of another, which no reader ever misses.

        The two may have the same id. If the old one is not there, the new one is added.

        Raises:
            IntegrityError: as `add`; then the old document stays.
        """
        self._change(old_id, document, chunks, vectors)

    def remove(self, document_id: str) -> bool:
        """Remove a document and all that belongs to it; False if it is not there."""
        with transaction(self._connection):
            removed = remove_document(self._connection, document_id)
        return removed > 0

    def set_access(self, document_id: str, access: str) -> bool:
        """Say which groups may read a document, separated by commas; none: everybody.

        False if the document is not there.
        """
        return self._set("access", document_id, access)

    def set_collection(self, document_id: str, collection: str) -> bool:
        """Put a document into a collection; False if it is not there."""
        return self._set("collection", document_id, collection)

    def set_place(self, document_id: str, collection: str, access: str) -> None:
        """Both at once: no reader finds one of them changed and the other not."""
        with transaction(self._connection):
            self.set_access(document_id, access)
            self.set_collection(document_id, collection)

    def rebuild_vectors(self) -> None:
        """Make the vector index anew from the stored vectors; frees what removals left."""
        with transaction(self._connection):
            rebuild_vectors(self._connection, self._dimension)

    def compact(self) -> None:
        """Give back what removals left, see `compaction.compact`.

        Raises:
            IntegrityError: the file does not pass its checks; then nothing is changed.
        """
        with transaction(self._connection):
            rebuild_vectors(self._connection, self._dimension)
            self._connection.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()
            self.verify()
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def verify(self) -> None:
        """Check the file's structure, its full-text index and the counts of all tables.

        Raises:
            IntegrityError: names what does not agree.
        """
        verify_tables(self._connection, self._path)

    def finish(self) -> None:
        """Compact and verify, then close with everything on disk."""
        # vec0 frees a block only when all its rows are gone, so VACUUM alone does not shrink it.
        self.rebuild_vectors()
        self._connection.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")
        self._connection.execute("VACUUM")
        self.verify()
        self.close()
        handle = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Release the file; closing twice is fine."""
        self._connection.close()

    def _change(
        self, old_id: str | None, document: Record, chunks: Sequence[Record], vectors: Vectors
    ) -> None:
        identifier = field(document, "id", str)
        check_vectors(vectors, (len(chunks), self._dimension), identifier)
        try:
            with transaction(self._connection):
                self._require_unchanged()
                if old_id is not None:
                    remove_document(self._connection, old_id)
                insert_document(self._connection, document, chunks, vectors)
        except apsw.ConstraintError as error:
            raise IntegrityError(f"document {identifier} cannot be added: {error}") from error

    def _require_unchanged(self) -> None:
        """Another process may have put vectors of another embedder into the file."""
        if value(self._connection, _IDENTITY) != self._identity:
            raise IntegrityError(
                f"{self._path} was embedded again by another embedder",
                hint="Open it again, with vectors of the embedder that it names now.",
            )

    def _set(self, column: str, document_id: str, new: str) -> bool:
        with transaction(self._connection):
            self._connection.execute(
                f"UPDATE documents SET {column} = ? WHERE id = ?",  # noqa: S608 fixed names
                (new, document_id),
            )
            changed = self._connection.changes()
        return changed > 0


def _require_current(connection: apsw.Connection, path: Path) -> None:
    """Only files of the newest schema change: an index of a bundle never does."""
    schema: Any = value(connection, "SELECT value FROM meta WHERE key = 'schema'")
    if schema != SCHEMA:
        raise IntegrityError(
            f"{path} has the schema {schema}, which can only be read",
            hint=f"Build the index again to have one of the schema {SCHEMA}.",
        )
