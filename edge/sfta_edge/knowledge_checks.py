"""What has to hold of a knowledge file: its tables agree, its vectors are usable and found."""

from collections.abc import Mapping
from pathlib import Path

import apsw
import numpy as np

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_format import Record, Vectors, field, value

_NORM_TOLERANCE = 1e-3


def probe_vectors(connection: apsw.Connection, dimension: int, path: Path) -> None:
    """Really search the vector index for a vector that is in it.

    Raises:
        IntegrityError: the extension, the index and the stored vectors do not agree.
    """
    value(connection, "SELECT vec_version()")
    stored = value(connection, "SELECT vector FROM vectors ORDER BY chunk LIMIT 1")
    if stored is None:
        return
    if len(stored) != 4 * dimension:
        raise IntegrityError(
            f"{path} names an embedder of dimension {dimension}, "
            f"its vectors have {len(stored) // 4}"
        )
    nearest = value(
        connection, "SELECT distance FROM chunks_vec WHERE embedding MATCH ? AND k = 1", stored
    )
    if nearest is None or nearest > _NORM_TOLERANCE:
        raise IntegrityError(f"the vector index of {path} does not find its own vectors")


def verify_tables(connection: apsw.Connection, path: Path) -> None:
    """Check the file's structure, its full-text index and the counts of all tables.

    Raises:
        IntegrityError: names what does not agree.
    """
    try:
        problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        connection.execute(
            "INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)"
        )
        counts = {
            table: value(connection, f"SELECT count(*) FROM {table}")  # noqa: S608 fixed names
            for table in ("chunks", "vectors", "chunks_vec", "chunks_fts_docsize")
        }
        strays = value(
            connection,
            "SELECT count(*) FROM chunks_vec WHERE rowid NOT IN (SELECT number FROM chunks)",
        )
    except apsw.Error as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    if problems != ["ok"]:
        raise IntegrityError(f"{path} is damaged: {problems[0]}")
    if len(set(counts.values())) != 1 or strays:
        listing = ", ".join(f"{table} {count}" for table, count in counts.items())
        raise IntegrityError(f"the tables of {path} do not agree: {listing}")


def check_vectors(vectors: Vectors, shape: tuple[int, int], owner: str) -> None:
    """Refuse vectors that would search wrongly without any error.

    Raises:
        IntegrityError: another shape, NaN or infinity, or a length that is not 1.
    """
    if vectors.dtype != np.float32 or vectors.shape != shape:
        raise IntegrityError(
            f"vectors of {owner} are {vectors.dtype} {vectors.shape}, not float32 {shape}"
        )
    if not np.isfinite(vectors).all():
        raise IntegrityError(f"a vector of {owner} holds NaN or infinity")
    lengths = np.linalg.norm(vectors, axis=1)
    if np.abs(lengths - 1.0).max(initial=0.0) > _NORM_TOLERANCE:
        raise IntegrityError(f"a vector of {owner} is not normalised")


def check_chunk(chunk: Record, document_id: str, pages: Mapping[int, str]) -> None:
    """Refuse a chunk that is not a stretch of its document's page.

    Raises:
        IntegrityError: names the chunk.
    """
    identifier, page = field(chunk, "id", str), field(chunk, "page", int)
    start, end = field(chunk, "start", int), field(chunk, "end", int)
    if field(chunk, "document_id", str) != document_id:
        raise IntegrityError(f"chunk {identifier} does not belong to document {document_id}")
    if page not in pages:
        raise IntegrityError(f"chunk {identifier} is on page {page}, which is not there")
    inside = 0 <= start < end <= len(pages[page])
    if not inside or pages[page][start:end] != field(chunk, "text", str):
        raise IntegrityError(f"chunk {identifier} is not the text of its page")
