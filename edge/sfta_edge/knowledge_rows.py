"""The rows that belong to a document, in all tables; the caller holds the transaction."""

from collections.abc import Sequence

import apsw

from sfta_edge.knowledge_checks import check_chunk
from sfta_edge.knowledge_format import (
    Record,
    Vectors,
    create_vector_index,
    field,
    fields,
    particulars,
)
from sfta_edge.manifest import canonical_json


def insert_document(
    connection: apsw.Connection,
    document: Record,
    chunks: Sequence[Record],
    vectors: Vectors,
) -> None:
    """A document with its pages and chunks; row i of `vectors` belongs to chunk i.

    Raises:
        IntegrityError: a record lacks a value, or a chunk is not its page's text.
        apsw.ConstraintError: an id is taken.
    """
    connection.execute(
        "INSERT INTO documents (id, name, title, sha256, media_type, language, licence,"
        " owner, access, collection) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *fields(document, ("id", "name", "title", "sha256", "media_type"), str),
            *particulars(document),
        ],
    )
    number = connection.last_insert_rowid()
    pages = _insert_pages(connection, number, document)
    for chunk, vector in zip(chunks, vectors, strict=True):
        check_chunk(chunk, field(document, "id", str), pages)
        _insert_chunk(connection, number, chunk, vector)


def remove_document(connection: apsw.Connection, document_id: str) -> int:
    """All rows of a document; how many documents that were, one or none."""
    run = connection.execute
    row = run("SELECT number FROM documents WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        return 0
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
    return 1


def rebuild_vectors(connection: apsw.Connection, dimension: int) -> None:
    """The vector index, made anew from the stored vectors."""
    connection.execute("DROP TABLE chunks_vec")
    create_vector_index(connection, dimension)
    connection.execute(
        "INSERT INTO chunks_vec (rowid, embedding)"
        " SELECT chunk, vector FROM vectors ORDER BY chunk"
    )


def _insert_pages(connection: apsw.Connection, document: int, record: Record) -> dict[int, str]:
    texts: dict[int, str] = {}
    for page in field(record, "pages", list):
        number, text = field(page, "number", int), field(page, "text", str)
        size = [float(field(page, side, (int, float))) for side in ("width", "height")]
        lines = canonical_json(field(page, "lines", list)).decode()
        connection.execute(
            "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?)",
            (document, number, text, *size, lines),
        )
        texts[number] = text
    return texts


def _insert_chunk(
    connection: apsw.Connection, document: int, chunk: Record, vector: Vectors
) -> None:
    run = connection.execute
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
    number, blob = connection.last_insert_rowid(), vector.astype("<f4").tobytes()
    run("INSERT INTO vectors VALUES (?, ?)", (number, blob))
    run("INSERT INTO chunks_vec (rowid, embedding) VALUES (?, ?)", (number, blob))
    run(
        "INSERT INTO chunks_fts (rowid, title, heading, text)"
        " SELECT number, title, heading, text FROM chunk_texts WHERE number = ?",
        (number,),
    )
