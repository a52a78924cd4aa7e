"""The format of the knowledge file: connecting, what it remembers of itself, and its checks.

Python's own ``sqlite3`` is often built without extension loading, so apsw brings SQLite.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import apsw
import numpy as np
import sqlite_vec
from numpy.typing import NDArray

from sfta_edge.errors import IntegrityError, MissingDependencyError

SCHEMA = "sfta.knowledge/2"
PAGE_BYTES = 4096  # fixed: SQLite's default is a build option, the file must not depend on it
_NORM_TOLERANCE = 1e-3
_VECTORS_PER_BLOCK = 256  # vec0 allocates whole blocks; its default of 1024 wastes small files

Vectors = NDArray[np.float32]
Record = Mapping[str, Any]


class Identity(Protocol):
    """What the file must remember of the embedder; a dataclass with at least these fields."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def dimension(self) -> int: ...


def connect(path: Path, flags: int, mode: str) -> apsw.Connection:
    """Open SQLite with the vector extension.

    Raises:
        IntegrityError: the file cannot be opened.
        MissingDependencyError: the vector extension does not load on this machine.
    """
    try:
        connection = apsw.Connection(
            f"file:{quote(str(path.absolute()))}?{mode}", flags | apsw.SQLITE_OPEN_URI
        )
    except apsw.Error as error:
        raise IntegrityError(f"cannot open {path}: {error}") from error
    try:
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)
        connection.pragma("foreign_keys", 1)
    except apsw.NotADBError as error:
        connection.close()
        raise IntegrityError(f"{path} is not a knowledge file: {error}") from error
    except apsw.Error as error:
        connection.close()
        raise MissingDependencyError(
            f"the vector extension sqlite-vec does not load: {error}",
            hint="Install the sqlite-vec wheel that is made for this machine.",
        ) from error
    return connection


def create_vector_index(connection: apsw.Connection, dimension: int) -> None:
    """Declare the vector index; its distance is Euclidean, the only one with SIMD code."""
    connection.execute(
        "CREATE VIRTUAL TABLE chunks_vec USING vec0"
        f" (embedding float[{int(dimension)}], chunk_size={_VECTORS_PER_BLOCK})"
    )


def value(connection: apsw.Connection, sql: str, *bindings: Any) -> Any:
    """First column of the first row."""
    row = connection.execute(sql, bindings).fetchone()
    return None if row is None else row[0]


def identity_facts(identity: Identity) -> dict[str, Any]:
    """The embedder's identity as plain data.

    Raises:
        IntegrityError: the dimension is not one that the index can hold.
    """
    if is_dataclass(identity) and not isinstance(identity, type):
        facts = asdict(identity)
    else:
        names = ("name", "sha256", "dimension")
        facts = {name: getattr(identity, name) for name in names}
    if not 1 <= identity.dimension <= 8192:
        raise IntegrityError(f"vectors of {identity.dimension} numbers cannot be indexed")
    return facts


def read_identity(connection: apsw.Connection, path: Path) -> dict[str, Any]:
    """The embedder's identity, after the schema's name.

    Raises:
        IntegrityError: another schema, or an identity that cannot be read.
    """
    if not value(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'"):
        raise IntegrityError(f"{path} is not a knowledge file")
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if meta.get("schema") != SCHEMA:
        raise IntegrityError(
            f"{path} has the schema {meta.get('schema')!r}; this version reads {SCHEMA}",
            hint="Build the index again, or update sfta-edge.",
        )
    facts: dict[str, Any] = {}
    try:
        facts = json.loads(str(meta["embedder"]))
        usable = isinstance(facts["sha256"], str) and isinstance(facts["dimension"], int)
    except (ValueError, KeyError, TypeError, RecursionError):
        usable = False
    if not usable:
        raise IntegrityError(f"{path} does not say which embedder made its vectors")
    return dict(facts)


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


def field(record: Record, name: str, kind: type | tuple[type, ...]) -> Any:
    """One value of a record, of the type it must have.

    Raises:
        IntegrityError: it is missing or of another type.
    """
    found = record.get(name)
    if not isinstance(found, kind) or isinstance(found, bool):
        raise IntegrityError(f"a record has no usable {name!r}: {found!r}")
    return found


def fields(record: Record, names: Sequence[str], kind: type) -> list[Any]:
    """Several values of one type, in the given order."""
    return [field(record, name, kind) for name in names]


def particulars(document: Record) -> list[str]:
    """What is known of a document besides its text: language, licence, owner, access group.

    Raises:
        IntegrityError: one of them is no text.
    """
    names = ("language", "licence", "owner", "access")
    return fields({name: document.get(name, "") for name in names}, names, str)


def passage(title: str, heading: str, text: str) -> str:
    """A chunk as the embedder reads it, when an index is built and when the device adds to it.

    Title and headings say what a chunk is about that does not repeat it.
    """
    above = " > ".join(part for part in (title, heading) if part)
    return f"{above}\n{text}" if above else text
