"""A growing knowledge file gets the vectors of another embedder, while it is searched.

The new vectors are computed into a file beside it, batch by batch. A crash loses the last batch;
the next try goes on where this one ended. Until the end the file answers with its words, and with
its old vectors where the old embedder is still there (`Retriever(earlier=...)`). Then all vectors,
the index and the embedder's name change in one transaction: no reader ever sees vectors of two
embedders. What was added meanwhile is embedded before; that is the only time a writer waits.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, Self

import apsw

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge_checks import check_vectors, verify_tables
from sfta_edge.knowledge_format import (
    BUSY_MILLISECONDS,
    Identity,
    Vectors,
    connect,
    identity_facts,
    passage,
    read_identity,
    value,
)
from sfta_edge.knowledge_rows import rebuild_vectors
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.manifest import canonical_json
from sfta_edge.transaction import transaction

_AT_ONCE = 32
_SUFFIX = ".vectors"
_PASSAGES = "SELECT number, title, heading, text FROM chunk_texts ORDER BY number"
_SOME_PASSAGES = (
    "SELECT number, title, heading, text FROM chunk_texts"
    " WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"
)
_TABLES = """
    CREATE TABLE made_by (embedder TEXT NOT NULL) STRICT;
    CREATE TABLE made (
        chunk INTEGER PRIMARY KEY,
        passage BLOB NOT NULL, -- SHA-256 of what was embedded
        vector BLOB NOT NULL
    ) STRICT;
"""


class PassageEmbedder(Protocol):
    """Turns passages into normalised vectors."""

    @property
    def identity(self) -> Identity: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


def reembed(
    path: Path,
    embedder: PassageEmbedder,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> bool:
    """Bring a file to another embedder; True when it is done, or was before.

    Args:
        path: a file that `KnowledgeWriter` writes.
        embedder: whose vectors it shall have.
        stop: ends the work after the batch at hand; a later call goes on.
        progress: called with the chunks done and all.

    Raises:
        IntegrityError: no usable knowledge file, or unusable vectors.
    """
    with Reembedding(path, embedder) as work:
        while work.needed:
            for done, total in work.batches():
                if progress is not None:
                    progress(done, total)
                if stop is not None and stop.is_set():
                    return False
            work.put_in()
        work.forget()
    return True


class Reembedding:
    """The work on one file. It may be taken up again by another process."""

    def __init__(self, path: Path, embedder: PassageEmbedder) -> None:
        """Open the file, and what an earlier try has computed for the same embedder.

        Raises:
            IntegrityError: no usable knowledge file.
        """
        KnowledgeWriter.open(path).close()  # proves that it is one
        self._path, self._embedder = path, embedder
        self._facts = canonical_json(identity_facts(embedder.identity)).decode()
        self._made_path = path.with_name(path.name + _SUFFIX)
        self._made = _open_made(self._made_path, self._facts)
        self._file = connect(path, apsw.SQLITE_OPEN_READWRITE, "mode=rw")
        self._file.set_busy_timeout(BUSY_MILLISECONDS)
        self._file.pragma("synchronous", "FULL")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def needed(self) -> bool:
        """Whether the file has vectors of another embedder."""
        stored, wanted = read_identity(self._file, self._path), self._embedder.identity
        return (stored["sha256"], stored["dimension"]) != (wanted.sha256, wanted.dimension)

    def batches(self) -> Iterator[tuple[int, int]]:
        """Embed what is missing, some chunks at a time; yields how many are done, and all.

        Raises:
            IntegrityError: the embedder computes unusable vectors.
        """
        total = self._count()
        missing = [number for number, text in self._passages() if not self._has(number, text)]
        for start in range(0, len(missing), _AT_ONCE):
            numbers = missing[start : start + _AT_ONCE]
            self._embed(dict(self._passages(numbers)))
            yield total - len(missing) + start + len(numbers), total

    def put_in(self) -> bool:
        """Replace all vectors at once; False if a chunk was added that has none yet.

        Raises:
            IntegrityError: the file does not pass its checks; then it is as before.
        """
        with transaction(self._file):
            complete = all(self._has(number, text) for number, text in self._passages())
            if complete:
                self._exchange()
        return complete

    def forget(self) -> None:
        """Delete what was computed beside the file; once it is put in, nobody needs it."""
        self._made.close()
        self._made_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the files; what was computed stays for the next try."""
        self._file.close()
        self._made.close()

    def _exchange(self) -> None:
        for number, vector in self._made.execute("SELECT chunk, vector FROM made"):
            self._file.execute(
                "UPDATE vectors SET vector = ? WHERE chunk = ?", (vector, number)
            )
        rebuild_vectors(self._file, self._embedder.identity.dimension)
        self._file.execute("UPDATE meta SET value = ? WHERE key = 'embedder'", (self._facts,))
        verify_tables(self._file, self._path)

    def _count(self) -> int:
        return int(value(self._file, "SELECT count(*) FROM chunks"))

    def _passages(self, numbers: Sequence[int] | None = None) -> Iterator[tuple[int, str]]:
        """Numbers and texts as the embedder reads them: of all chunks, or of those still there."""
        if numbers is None:
            rows = self._file.execute(_PASSAGES)
        else:
            rows = self._file.execute(_SOME_PASSAGES, (json.dumps(numbers),))
        for number, title, heading, text in rows:
            yield number, passage(title, heading, text)

    def _has(self, number: int, text: str) -> bytes | None:
        """The vector that was made of this text."""
        found: bytes | None = value(
            self._made,
            "SELECT vector FROM made WHERE chunk = ? AND passage = ?",
            number,
            _digest(text),
        )
        return found

    def _embed(self, passages: dict[int, str]) -> None:
        vectors = self._embedder.embed(list(passages.values()))
        check_vectors(
            vectors, (len(passages), self._embedder.identity.dimension), "new passages"
        )
        with self._made:
            for (number, text), vector in zip(passages.items(), vectors, strict=True):
                self._made.execute(
                    "INSERT OR REPLACE INTO made VALUES (?, ?, ?)",
                    (number, _digest(text), vector.astype("<f4").tobytes()),
                )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _open_made(path: Path, embedder: str) -> apsw.Connection:
    """What was computed for this embedder; begun anew if it was for another, or is damaged."""
    for _ in range(2):
        connection = apsw.Connection(str(path))
        try:
            if not value(connection, "SELECT count(*) FROM sqlite_schema"):
                with transaction(connection):
                    connection.execute(_TABLES)
                    connection.execute("INSERT INTO made_by VALUES (?)", (embedder,))
            if value(connection, "SELECT embedder FROM made_by") == embedder:
                return connection
        except apsw.Error:
            pass  # nothing is lost but time: it can be computed again
        connection.close()
        path.unlink()
    raise IntegrityError(f"{path} cannot be written", hint="Look at the disk and its rights.")
