"""The format of the knowledge file: connecting, its records, and what it remembers of itself.

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

SCHEMA = "sfta.knowledge/3"
READABLE = (SCHEMA, "sfta.knowledge/2")  # 2: documents have no collection
PAGE_BYTES = 4096  # fixed: SQLite's default is a build option, the file must not depend on it
BUSY_MILLISECONDS = 5_000  # how long one process waits for what another writes
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
    if meta.get("schema") not in READABLE:
        raise IntegrityError(
            f"{path} has the schema {meta.get('schema')!r};"
            f" this version reads {' and '.join(READABLE)}",
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


def require_same(stored: dict[str, Any], embedder: Identity) -> None:
    """Refuse to compare vectors of different embedders.

    Raises:
        IntegrityError: names both.
    """
    given = {"sha256": embedder.sha256, "dimension": embedder.dimension}
    for name, expected in given.items():
        if stored[name] != expected:
            raise IntegrityError(
                f"the index was made with the embedder {stored.get('name')} "
                f"({name} {stored[name]}), not with {embedder.name} ({name} {expected})",
                hint="Use the embedder that is in the same bundle, or build the index again.",
            )


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
    """What is known of a document besides its text: language to collection, as in the schema.

    Raises:
        IntegrityError: one of them is no text.
    """
    names = ("language", "licence", "owner", "access", "collection")
    return fields({name: document.get(name, "") for name in names}, names, str)


def passage(title: str, heading: str, text: str) -> str:
    """A chunk as the embedder reads it, when an index is built and when the device adds to it.

    Title and headings say what a chunk is about that does not repeat it.
    """
    above = " > ".join(part for part in (title, heading) if part)
    return f"{above}\n{text}" if above else text
