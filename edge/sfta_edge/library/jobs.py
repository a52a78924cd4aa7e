"""The list of jobs on disk: what was acknowledged is in it and survives a power cut.

Rules this module upholds:

- A file that is handed in again, at the same place, is the job of the first time, unless that
  one failed or was cancelled.
- Only one name at one place is a document: what was there before is replaced when the new one
  is done, see `replaced_by`.
- Vectors are kept in batches while a job runs: what was computed is not computed again.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from sfta_edge.database import open_database, rows
from sfta_edge.knowledge_format import Vectors
from sfta_edge.library.job import Job, Place, State
from sfta_edge.transaction import transaction

_KIND = "sfta.jobs"
_FIRST = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    collection TEXT NOT NULL,
    access TEXT NOT NULL,
    owner TEXT NOT NULL,
    document_id TEXT NOT NULL,
    state TEXT NOT NULL,
    step TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    finished REAL,
    title TEXT NOT NULL DEFAULT '',
    media_type TEXT NOT NULL DEFAULT '',
    pages INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_by_content ON jobs (sha256);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE TABLE vectors (
    job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;
"""
_COLUMNS = (
    "id, name, sha256, bytes, collection, access, owner, document_id, state, step, done, total,"
    " error, created, finished, title, media_type, pages, chunks"
)
_SELECT = f"SELECT {_COLUMNS} FROM jobs"  # noqa: S608 fixed names
_ID_BYTES = 8


class JobList:
    """All jobs of a device. Threads may share it; they wait for each other."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open or make the file.

        Raises:
            IntegrityError: the file is damaged or of a newer version.
        """
        self._connection: apsw.Connection = open_database(path, _KIND, [_FIRST])
        self._lock = threading.RLock()
        self._now = now

    def close(self) -> None:
        """Release the file; closing twice is fine."""
        with self._lock:
            self._connection.close()

    def add(
        self, name: str, sha256: str, size: int, place: Place, owner: str, document_id: str
    ) -> tuple[Job, bool]:
        """The job for a file, and whether it is a new one."""
        with self._changed():
            known = self._some(
                "sha256 = ? AND collection = ? AND access = ?"
                " AND state NOT IN ('failed', 'cancelled') ORDER BY number DESC LIMIT 1",
                sha256, place.collection, place.access,
            )  # fmt: skip
            if known:
                return known[0], False
            identity = secrets.token_hex(_ID_BYTES)
            self._connection.execute(
                "INSERT INTO jobs (id, name, sha256, bytes, collection, access, owner,"
                " document_id, state, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
                (identity, name, sha256, size, place.collection, place.access, owner,
                 document_id, self._now()),
            )  # fmt: skip
            return self._some("id = ?", identity)[0], True

    def get(self, identity: str) -> Job | None:
        """One job."""
        return next(iter(self.some("id = ?", identity)), None)

    def of_document(self, document_id: str) -> Job | None:
        """The job that is done and stands for a document."""
        found = self.some("document_id = ? AND state = 'done'", document_id)
        return found[0] if found else None

    def all(self) -> list[Job]:
        """Every job, the newest first."""
        return self.some("TRUE ORDER BY number DESC")

    def documents(self) -> list[Job]:
        """The jobs that are done, in the order they were handed in."""
        return self.some("state = 'done' ORDER BY number")

    def next_waiting(self) -> Job | None:
        """The job to do next: one that was interrupted, then the oldest that waits."""
        found = self.some("state IN ('running', 'waiting') ORDER BY state, number LIMIT 1")
        return found[0] if found else None

    def count(self, *states: State) -> int:
        """How many jobs are in one of these states."""
        marks = ", ".join("?" for _ in states)
        with self._lock:
            found = rows(
                self._connection,
                f"SELECT count(*) FROM jobs WHERE state IN ({marks})",  # noqa: S608 only marks
                *states,
            )
        return int(found[0][0])

    def replaced_by(self, job: Job) -> list[Job]:
        """Documents of the same name at the same place, which this one replaces."""
        return self.some(
            "state = 'done' AND name = ? AND collection = ? AND access = ? AND id <> ?",
            job.name, job.place.collection, job.place.access, job.id,
        )  # fmt: skip

    def uses(self, sha256: str) -> bool:
        """Whether a job or a document still needs a file."""
        return bool(self.some("sha256 = ? AND state NOT IN ('failed', 'cancelled')", sha256))

    def change(self, identity: str, **values: object) -> bool:
        """Write columns of a job; a job that has ended does not change any more.

        False if there is no such job, or it has ended.
        """
        names = ", ".join(f"{name} = ?" for name in values)
        with self._changed():
            self._connection.execute(
                f"UPDATE jobs SET {names} WHERE id = ?"  # noqa: S608 names are those of arguments
                " AND state NOT IN ('done', 'failed', 'cancelled')",
                (*values.values(), identity),
            )
            return bool(self._connection.changes())

    def begin(self, job: Job) -> int:
        """Say that a job runs; how often it has begun without getting anywhere.

        `change` with ``tries=0`` says that it got somewhere.
        """
        with self._changed():
            self.change(job.id, state="running", error=None)
            found = rows(
                self._connection,
                "UPDATE jobs SET tries = tries + 1 WHERE id = ? RETURNING tries",
                job.id,
            )
        return int(found[0][0]) if found else 0

    def move(self, job: Job, place: Place) -> None:
        """Say that the document of a job that is done stands at another place."""
        with self._changed():
            self._connection.execute(
                "UPDATE jobs SET collection = ?, access = ? WHERE id = ? AND state = 'done'",
                (place.collection, place.access, job.id),
            )

    def again(self, job: Job) -> None:
        """Let a job that is done wait to be done once more."""
        with self._changed():
            self._connection.execute(
                "UPDATE jobs SET state = 'waiting', done = 0, tries = 0, finished = NULL"
                " WHERE id = ?",
                (job.id,),
            )

    def lose(self, job: Job, reason: str) -> None:
        """Say of a job that was done that its document is lost."""
        with self._changed():
            self._connection.execute(
                "UPDATE jobs SET state = 'failed', error = ? WHERE id = ?", (reason, job.id)
            )

    def end(self, identity: str, state: State, error: str | None = None) -> bool:
        """End a job and drop its vectors; False if it has ended before."""
        with self._changed():
            ended = self.change(
                identity, state=state, error=error, step="", finished=self._now()
            )
            self._drop_vectors(identity)
            return ended

    def finish(self, job: Job, replaced: Iterable[Job], **values: object) -> bool:
        """End a job as done, and forget the documents it replaces.

        False if it was cancelled in the meantime.
        """
        with self._changed():
            if not self.change(
                job.id, **values, state="done", step="", error=None, finished=self._now()
            ):
                return False
            self._drop_vectors(job.id)
            for old in replaced:
                self.forget(old.id)
            return True

    def forget(self, identity: str) -> None:
        """Remove a job from the list."""
        with self._changed():
            self._connection.execute("DELETE FROM jobs WHERE id = ?", (identity,))

    def forget_old(self, keep: int) -> None:
        """Of the jobs that failed or were cancelled, remember the newest only."""
        with self._changed():
            self._connection.execute(
                "DELETE FROM jobs WHERE number IN (SELECT number FROM jobs WHERE state IN"
                " ('failed', 'cancelled') ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (keep,),
            )

    def vectors(self, job: Job) -> dict[str, Vectors]:
        """Vectors that were computed for a job so far, by key."""
        with self._lock:
            found = rows(
                self._connection,
                "SELECT key, vector FROM vectors JOIN jobs ON number = job WHERE id = ?",
                job.id,
            )
        return {key: np.frombuffer(blob, dtype="<f4") for key, blob in found}

    def keep_vectors(self, job: Job, keys: Sequence[str], vectors: Vectors, done: int) -> bool:
        """Keep a batch of vectors and say how far the job is; False if it has ended."""
        with self._changed():
            if not self.change(job.id, done=done, tries=0):
                return False
            self._connection.executemany(
                "INSERT OR REPLACE INTO vectors SELECT number, ?, ? FROM jobs WHERE id = ?",
                [
                    (key, row.astype("<f4").tobytes(), job.id)
                    for key, row in zip(keys, vectors, strict=True)
                ],
            )
            return True

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """One transaction, of one thread at a time."""
        with self._lock, transaction(self._connection):
            yield

    def some(self, where: str, *bindings: object) -> list[Job]:
        """Jobs that a condition of this module's callers chooses."""
        with self._lock:
            return self._some(where, *bindings)

    def _some(self, where: str, *bindings: object) -> list[Job]:
        return [
            _job(row) for row in rows(self._connection, f"{_SELECT} WHERE {where}", *bindings)
        ]

    def _drop_vectors(self, identity: str) -> None:
        self._connection.execute(
            "DELETE FROM vectors WHERE job = (SELECT number FROM jobs WHERE id = ?)",
            (identity,),
        )


def _job(row: Sequence[Any]) -> Job:
    identity, name, sha256, size, collection, access, *rest = row
    return Job(identity, name, sha256, size, Place(collection, access), *rest)
