"""One knowledge file as the retriever searches it, also while somebody writes it.

Rules this module upholds:

- A search sees one state of the file, from its first statement to its last.
- What a view may not see is left out before anything is ranked, by words and by vectors; so the
  best of the permitted chunks are found, not what is left of the best of all.
- Nothing a person types is part of a statement.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import apsw
import numpy as np

from sfta_edge.caller import View
from sfta_edge.errors import IntegrityError
from sfta_edge.found import Chunk
from sfta_edge.knowledge import Knowledge, open_knowledge
from sfta_edge.knowledge_format import SCHEMA, Identity, Vectors, read_identity, value
from sfta_edge.permitted import Permitted, permitted
from sfta_edge.vector_matrix import VectorMatrix

_WEIGHTS = "0.5, 0.75, 1.0"  # bm25 of title, heading, text
_LARGEST_K = 4096  # of sqlite-vec
_CHUNK = (
    "SELECT chunks.id, documents.id, documents.title, chunks.page, chunks.heading, chunks.text,"
    ' chunks."start", chunks."end", documents.name'
    " FROM chunks JOIN documents ON documents.number = chunks.document"
)


class SearchedFile:
    """An open file, its vectors in memory if they fit. One thread at a time."""

    def __init__(self, path: Path, *, matrix_bytes: int) -> None:
        """Open; vectors that need more than `matrix_bytes` stay in the file.

        Raises:
            IntegrityError: as `open_knowledge`.
        """
        self.path = path
        self.embedder: dict[str, Any] = {}
        """Identity of the embedder that made the vectors."""
        self.chunks = 0
        """How many chunks the file holds."""
        self._matrix_bytes = matrix_bytes
        self._knowledge: Knowledge = open_knowledge(path)
        self._matrix: VectorMatrix | None = None
        self._version: int | None = None
        self._collections = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def state(self) -> Iterator[None]:
        """A block in which the file does not change for this reader.

        Raises:
            IntegrityError: what was written meanwhile is not a usable knowledge file.
        """
        self._connection.execute("BEGIN")
        try:
            with self._typed():
                self._renew()
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")  # nothing was written

    def made_with(self, identity: Identity) -> bool:
        """Whether that embedder made the vectors."""
        given = (identity.sha256, identity.dimension)
        return (self.embedder["sha256"], self.embedder["dimension"]) == given

    def permitted(self, view: View) -> Permitted:
        """What of this file a view may see."""
        return permitted(self._connection, view, collections=self._collections)

    def by_words(
        self, expression: str, count: int, allowed: Permitted
    ) -> list[tuple[int, float]]:
        """Numbers and bm25 of the best chunks, best first; larger is better."""
        rows = self.rows(
            f"SELECT rowid, bm25(chunks_fts, {_WEIGHTS}) FROM chunks_fts"  # noqa: S608 fixed text
            f" WHERE chunks_fts MATCH ?{_among('+rowid', allowed)} ORDER BY 2, 1 LIMIT ?",
            expression,
            *allowed.bindings,
            count,
        )
        return [(number, -score) for number, score in rows]

    def holding(self, expression: str) -> int:
        """How many chunks have the words, whoever may see them."""
        sql = "SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH ?"
        return int(self.rows(sql, expression)[0][0])

    def by_vector(
        self, vector: Vectors, count: int, allowed: Permitted
    ) -> list[tuple[int, float]]:
        """Numbers and cosines of the nearest chunks, nearest first, then by number."""
        if self._matrix is None and self.chunks * vector.nbytes <= self._matrix_bytes:
            with self._typed():
                self._matrix = VectorMatrix.read(self._connection, len(vector))
        if self._matrix is None:
            return self._by_index(vector, count, allowed)
        if allowed.everything:
            return self._matrix.nearest(vector, count)
        documents = [number for (number,) in self.rows(allowed.numbers, *allowed.bindings)]
        return self._matrix.nearest(vector, count, np.array(documents, dtype=np.int64))

    def cosines(self, numbers: Iterable[int], vector: Vectors) -> dict[int, float]:
        """From the stored vectors: also for chunks that only the words have found."""
        found = {}
        for number in numbers:
            ((blob,),) = self.rows("SELECT vector FROM vectors WHERE chunk = ?", number)
            found[number] = float(np.vecdot(np.frombuffer(blob, dtype="<f4"), vector))
        return found

    def numbered(self, number: int) -> Chunk:
        """A chunk by the number that a search of the same state gave."""
        return Chunk(*self.rows(f"{_CHUNK} WHERE chunks.number = ?", number)[0])

    def chunks_where(
        self, condition: str, bindings: Sequence[Any], allowed: Permitted
    ) -> list[Chunk]:
        """Permitted chunks that fulfil a condition, in the order of the document."""
        sql = f"{_CHUNK} WHERE {condition} AND {allowed.condition} ORDER BY chunks.ordinal"
        return [Chunk(*row) for row in self.rows(sql, *bindings, *allowed.bindings)]

    def rows(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            IntegrityError: the file is damaged, or cannot be read.
        """
        with self._typed():
            return list(self._connection.execute(sql, bindings))

    def close(self) -> None:
        """Release the file."""
        self._knowledge.close()
        self._matrix = None

    @property
    def collection_column(self) -> str:
        """SQL for the collection of a document; files of the schema before have none."""
        return "documents.collection" if self._collections else "''"

    @property
    def _connection(self) -> apsw.Connection:
        return self._knowledge.connection

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """What a person can act on, in place of an error of SQLite."""
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as error:
            raise IntegrityError(
                f"{self.path} is damaged or cannot be read: {error}",
                hint="Look at the disk; install the bundle again, or restore a backup.",
            ) from error

    def _renew(self) -> None:
        """Take notice of what was written since the last search."""
        version = self._connection.pragma("data_version")
        if version == self._version:
            return
        before, self.embedder = self.embedder, read_identity(self._connection, self.path)
        schema = value(self._connection, "SELECT value FROM meta WHERE key = 'schema'")
        self._collections = schema == SCHEMA
        self.chunks = int(value(self._connection, "SELECT count(*) FROM chunks"))
        if self._matrix is not None:
            needed = self.chunks * 4 * int(self.embedder["dimension"])
            same = self.embedder == before and needed <= self._matrix_bytes
            self._matrix = self._matrix.renewed(self._connection) if same else None
        self._version = version

    def _by_index(
        self, vector: Vectors, count: int, allowed: Permitted
    ) -> list[tuple[int, float]]:
        """As `by_vector`, in SQL: by the index, or over the permitted vectors alone.

        sqlite-vec can leave rows out of its index, but takes longer for a hundredth of them than
        a scan of that hundredth.
        """
        blob = vector.astype("<f4").tobytes()
        if allowed.everything:
            rows = self.rows(
                "SELECT rowid FROM chunks_vec WHERE embedding MATCH ? AND k = ?",
                blob,
                min(count, _LARGEST_K),
            )
        else:
            rows = self.rows(
                "SELECT chunk FROM vectors WHERE 1"  # noqa: S608 fixed text
                f"{_among('chunk', allowed)} ORDER BY vec_distance_l2(vector, ?), 1 LIMIT ?",
                *allowed.bindings,
                blob,
                count,
            )
        found = self.cosines((number for (number,) in rows), vector)
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def _among(column: str, allowed: Permitted) -> str:
    """A further condition of a WHERE.

    With a plus before the column SQLite does not take the permitted chunks as the way in: FTS5
    would then run the whole query again for each of them.
    """
    if allowed.everything:
        return ""
    return (
        f" AND {column} IN (SELECT chunks.number FROM chunks"  # noqa: S608 fixed text
        f" WHERE chunks.document IN ({allowed.numbers}))"
    )
