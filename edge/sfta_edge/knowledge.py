"""The knowledge file: documents, pages, chunks, full text and vectors in one SQLite file.

Rules this module upholds:

- One transaction per document: a crash leaves it complete or absent.
- Every chunk has its full text, its vector and its row in the vector index; `verify` counts.
- Vectors are finite and normalised, so Euclidean distance ranks like the cosine.
- `write_knowledge` gives the same bytes for the same input and the same SQLite.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import apsw

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_format import (
    PAGE_BYTES,
    SCHEMA,
    Identity,
    Record,
    Vectors,
    check_chunk,
    check_vectors,
    connect,
    create_vector_index,
    field,
    fields,
    identity_facts,
    particulars,
    probe_vectors,
    read_identity,
    value,
    verify_tables,
)
from sfta_edge.manifest import canonical_json, sync_folder


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
    writer = KnowledgeWriter.create(scratch, identity)
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


class KnowledgeWriter:
    """Adds and removes documents, each in one transaction."""

    def __init__(self, connection: apsw.Connection, path: Path, dimension: int) -> None:
        self._connection = connection
        self._path = path
        self._dimension = dimension

    @classmethod
    def create(cls, path: Path, identity: Identity) -> Self:
        """Start a new file; `path` must not exist."""
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        connection = connect(path, flags, "mode=rwc")
        connection.pragma("page_size", PAGE_BYTES)
        facts = identity_facts(identity)
        with connection:
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
    def open(cls, path: Path) -> Self:
        """Continue an existing file.

        Raises:
            IntegrityError: as `open_knowledge`.
        """
        reader = open_knowledge(path)
        reader.close()
        connection = connect(path, apsw.SQLITE_OPEN_READWRITE, "mode=rw")
        connection.set_busy_timeout(5_000)
        connection.pragma("synchronous", "FULL")
        return cls(connection, path, reader.dimension)

    def add(self, document: Record, chunks: Sequence[Record], vectors: Vectors) -> None:
        """Add one document with its chunks and their vectors, or nothing at all.

        Raises:
            IntegrityError: the id is taken, a chunk is not its page's text, or a vector is
                not finite, not normalised or of another dimension.
        """
        identifier = field(document, "id", str)
        check_vectors(vectors, (len(chunks), self._dimension), identifier)
        try:
            with self._connection:
                number = self._insert_document(document)
                pages = self._insert_pages(number, document)
                for chunk, vector in zip(chunks, vectors, strict=True):
                    check_chunk(chunk, identifier, pages)
                    self._insert_chunk(number, chunk, vector)
        except apsw.ConstraintError as error:
            raise IntegrityError(f"document {identifier} cannot be added: {error}") from error

    def remove(self, document_id: str) -> bool:
        """Remove a document and all that belongs to it; False if it is not there."""
        run = self._connection.execute
        with self._connection:
            row = run("SELECT number FROM documents WHERE id = ?", (document_id,)).fetchone()
            if row is None:
                return False
            numbers = [n for (n,) in run("SELECT number FROM chunks WHERE document = ?", row)]
            for number in numbers:
                run(
                    "INSERT INTO chunks_fts (chunks_fts, rowid, title, heading, text)"
                    " SELECT 'delete', number, title, heading, text"
                    " FROM chunk_texts WHERE number = ?",
                    (number,),
                )
                run("DELETE FROM chunks_vec WHERE rowid = ?", (number,))
                run("DELETE FROM vectors WHERE chunk = ?", (number,))
            run("DELETE FROM chunks WHERE document = ?", row)
            run("DELETE FROM pages WHERE document = ?", row)
            run("DELETE FROM documents WHERE number = ?", row)
        return True

    def rebuild_vectors(self) -> None:
        """Make the vector index anew from the stored vectors; frees what removals left."""
        with self._connection:
            self._connection.execute("DROP TABLE chunks_vec")
            create_vector_index(self._connection, self._dimension)
            self._connection.execute(
                "INSERT INTO chunks_vec (rowid, embedding)"
                " SELECT chunk, vector FROM vectors ORDER BY chunk"
            )

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

    def _insert_document(self, document: Record) -> int:
        self._connection.execute(
            "INSERT INTO documents (id, name, title, sha256, media_type,"
            " language, licence, owner, access) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *fields(document, ("id", "name", "title", "sha256", "media_type"), str),
                *particulars(document),
            ],
        )
        return self._connection.last_insert_rowid()

    def _insert_pages(self, document: int, record: Record) -> dict[int, str]:
        texts: dict[int, str] = {}
        for page in field(record, "pages", list):
            number, text = field(page, "number", int), field(page, "text", str)
            size = [float(field(page, side, (int, float))) for side in ("width", "height")]
            lines = canonical_json(field(page, "lines", list)).decode()
            self._connection.execute(
                "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?)",
                (document, number, text, *size, lines),
            )
            texts[number] = text
        return texts

    def _insert_chunk(self, document: int, chunk: Record, vector: Vectors) -> None:
        run = self._connection.execute
        run(
            'INSERT INTO chunks (id, document, ordinal, page, "start", "end", heading, text,'
            " tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                field(chunk, "id", str),
                document,
                *fields(chunk, ("ordinal", "page", "start", "end"), int),
                *fields(chunk, ("heading", "text"), str),
                field(chunk, "tokens", int),
            ),
        )
        number, blob = self._connection.last_insert_rowid(), vector.astype("<f4").tobytes()
        run("INSERT INTO vectors VALUES (?, ?)", (number, blob))
        run("INSERT INTO chunks_vec (rowid, embedding) VALUES (?, ?)", (number, blob))
        run(
            "INSERT INTO chunks_fts (rowid, title, heading, text)"
            " SELECT number, title, heading, text FROM chunk_texts WHERE number = ?",
            (number,),
        )
