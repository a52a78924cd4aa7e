"""The vectors of a knowledge file in memory: exact search, faster than the index in the file.

`numpy.vecdot` takes one product per row. Equal vectors so have equal cosines wherever they stand,
and no thread waits for another, as in a product of matrix and vector by BLAS: beside one busy
process that was a hundred times slower. Measured in docs/decisions.
"""

from typing import Any, Self

import apsw
import numpy as np
from numpy.typing import NDArray

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_format import Vectors

Numbers = NDArray[np.int64]

_TOLERANCE = 3e-3  # of a squared length; what is written is held to a third of it
_GATHERED = 0.2  # share of the rows up to which copying them out is faster than scanning all


class VectorMatrix:
    """Numbers, documents and vectors of all chunks, ordered by number. It never changes."""

    def __init__(self, numbers: Numbers, documents: Numbers, rows: Vectors) -> None:
        self.numbers, self.documents, self.rows = numbers, documents, rows

    @classmethod
    def read(cls, connection: apsw.Connection, dimension: int) -> Self:
        """Everything that the file holds now."""
        numbers, documents = _places(connection)
        return cls(numbers, documents, _vectors(connection, 0, (len(numbers), dimension)))

    def renewed(self, connection: apsw.Connection) -> Self:
        """After the file has changed; only vectors that are new are read.

        A chunk's number is never given to another chunk and its vector never changes, so what
        is known of a number stays true.
        """
        numbers, documents = _places(connection)
        last = int(self.numbers[-1]) if len(self.numbers) else 0
        kept = np.isin(self.numbers, numbers, assume_unique=True)
        added = int((numbers > last).sum())
        if int(kept.sum()) + added != len(numbers):
            return type(self).read(connection, self.rows.shape[1])
        rows = self.rows if kept.all() else self.rows[kept]
        if added:
            new = _vectors(connection, last, (added, self.rows.shape[1]))
            rows = np.concatenate([rows, new])
        return type(self)(numbers, documents, rows)

    def nearest(
        self, vector: Vectors, count: int, documents: Numbers | None = None
    ) -> list[tuple[int, float]]:
        """Numbers and cosines of the nearest chunks, nearest first, then by number.

        Args:
            vector: of the question.
            count: how many; fewer only if there are not more.
            documents: only chunks of these; None: of all.
        """
        if documents is None:
            return _best(self.numbers, np.vecdot(self.rows, vector), count)
        (places,) = np.nonzero(_members(self.documents, documents))
        if len(places) <= _GATHERED * len(self.numbers):
            cosines = np.vecdot(self.rows[places], vector)
        else:
            cosines = np.vecdot(self.rows, vector)[places]
        return _best(self.numbers[places], cosines, count)


def _best(numbers: Numbers, cosines: Vectors, count: int) -> list[tuple[int, float]]:
    if len(numbers) > count:
        least = np.partition(cosines, len(cosines) - count)[len(cosines) - count]
        (above,) = np.nonzero(cosines > least)
        (level,) = np.nonzero(cosines == least)
        chosen = np.concatenate([above, level[: count - len(above)]])
        numbers, cosines = numbers[chosen], cosines[chosen]
    order = np.lexsort((numbers, -cosines))
    return [(int(numbers[place]), float(cosines[place])) for place in order]


def _members(documents: Numbers, wanted: Numbers) -> NDArray[np.bool_]:
    """For each chunk whether its document is wanted; documents are numbered from 1."""
    among = np.zeros(int(documents.max(initial=0)) + 1, dtype=np.bool_)
    among[wanted[wanted < len(among)]] = True
    return among[documents]


def _places(connection: apsw.Connection) -> tuple[Numbers, Numbers]:
    pairs: list[Any] = list(connection.execute("SELECT number, document FROM chunks"))
    table = np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)
    table = table[np.argsort(table[:, 0], kind="stable")]
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def _vectors(connection: apsw.Connection, after: int, shape: tuple[int, int]) -> Vectors:
    """Vectors of the chunks numbered above `after`.

    Raises:
        IntegrityError: not so many, of another length, or values that are no numbers.
    """
    rows = np.zeros(shape, dtype=np.float32)
    blobs = connection.execute(
        "SELECT vector FROM vectors WHERE chunk > ? ORDER BY chunk", (after,)
    )
    try:
        for place, (blob,) in enumerate(blobs):
            rows[place] = np.frombuffer(blob, dtype="<f4")
    except (ValueError, IndexError) as error:
        raise IntegrityError(f"chunks and vectors do not agree: {error}") from error
    # A vector that is missing has the length 0, one with NaN or infinity has no length.
    if not (np.abs(np.vecdot(rows, rows) - 1) <= _TOLERANCE).all():
        raise IntegrityError("a stored vector is missing or not normalised")
    return rows
