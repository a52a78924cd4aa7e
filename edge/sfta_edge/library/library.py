"""The documents of the device: taken in, indexed by one thread, shown and removed.

Rules this module upholds:

- What was acknowledged is on disk: the file, and the job that names it.
- An interruption at any moment loses nothing that was acknowledged and leaves nothing behind:
  `start` finds out what the knowledge file, the list of jobs and the folder disagree on.
- One thread reads and indexes; what is low on space waits and goes on by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import apsw

from sfta_edge.documents.rules import ChunkRules, ChunkSizes
from sfta_edge.library.desk import Desk
from sfta_edge.library.disk_trouble import is_disk_trouble
from sfta_edge.library.indexing import Indexer, PassageEmbedder
from sfta_edge.library.job import Job
from sfta_edge.library.jobs import JobList
from sfta_edge.library.limits import ParseLimits, StoreLimits
from sfta_edge.library.names import check_kind, checked_name, checked_place
from sfta_edge.library.originals import Originals, Source, disk_full
from sfta_edge.library.refusals import (
    DiskLowError,
    NotFoundError,
    QueueFullError,
    SettledError,
)
from sfta_edge.library.working import Worker

KNOWLEDGE = "knowledge.sqlite"
JOBS = "jobs.sqlite"
FILES = "files"
_SCRATCH = "parsed"


@dataclass(frozen=True, slots=True)
class Submission:
    """A file that was acknowledged."""

    job: Job
    new: bool
    """False: the same file was handed in before, this is the job of that time."""


class Library:
    """All documents of one data folder. One process at a time: hold a `DataLock`."""

    def __init__(
        self,
        data: Path,
        embedder: PassageEmbedder,
        *,
        rules: ChunkRules | None = None,
        parse_limits: ParseLimits | None = None,
        store_limits: StoreLimits | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the list of jobs; nothing runs before `start`.

        Args:
            data: folder of the device's own data.
            embedder: the one that questions are embedded with.
            rules: how pages are cut; the bundle's, see `rules_of`.
            parse_limits: what reading one file may cost.
            store_limits: what all files may cost.
            on_change: called after a document has come or gone.

        Raises:
            IntegrityError: the list of jobs is damaged or of a newer version.
        """
        self.read_only = False
        """Nothing is taken in or removed; a caller sets it when the disk is failing."""
        self._limits = store_limits or StoreLimits()
        self._knowledge = data / KNOWLEDGE
        self._jobs = JobList(data / JOBS)
        self.originals = Originals(data / FILES, self._limits)
        indexer = Indexer(
            data / _SCRATCH,
            self._jobs,
            embedder,
            rules or ChunkSizes(),
            parse_limits or ParseLimits(),
        )
        self._desk = Desk(
            self._knowledge,
            self._jobs,
            self.originals,
            indexer,
            limits=self._limits,
            on_change=on_change,
        )
        self._worker = Worker(self._desk, retry_seconds=self._limits.retry_seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ready(self) -> Path | None:
        """The knowledge file, once there is one."""
        return self._knowledge if self._knowledge.exists() else None

    def start(self) -> None:
        """Repair what an interruption left, then read and index what waits."""
        self._desk.repair()
        self._worker.start()

    def close(self) -> None:
        """Stop after the current batch; what is not done goes on at the next start."""
        self._worker.stop()
        self._jobs.close()

    def submit(
        self,
        source: Source,
        name: str,
        *,
        collection: str = "",
        access: str = "",
        owner: str = "",
        expected: int | None = None,
    ) -> Submission:
        """Take a file in. When this returns, file and job are on disk.

        Args:
            source: read until it gives nothing.
            name: of the file, with folders if they belong to it.
            collection: which collection it belongs to.
            access: groups that may read it, separated by commas; none: everybody.
            owner: who hands it in.
            expected: bytes that the sender announced.

        Raises:
            BadNameError: a name that no document can have.
            DiskLowError: too little space, or the device only reads.
            QueueFullError: too many files wait.
            TooLargeError: more bytes than one file may have.
            UnreadKindError: a kind of file that is not read.
        """
        name, place = checked_name(name), checked_place(collection, access)
        self._require_writable()
        if self._jobs.count("waiting", "running") >= self._limits.waiting:
            raise QueueFullError(
                f"{self._limits.waiting} files wait to be read", hint="Try again later."
            )
        received = self.originals.receive(source, expected)
        try:
            check_kind(received.head, name)
            job, new = self._desk.take(received, name, place, owner)
        except BaseException as error:
            self.originals.drop(received)
            if is_disk_trouble(error):
                raise disk_full() from error
            raise
        if new:
            self._worker.wake()
        return Submission(job, new)

    def jobs(self) -> list[Job]:
        """Every job, the newest first."""
        return self._jobs.all()

    def job(self, identity: str) -> Job:
        """One job.

        Raises:
            NotFoundError: there is none of this id.
        """
        found = self._jobs.get(identity)
        if found is None:
            raise NotFoundError(f"there is no job {identity}")
        return found

    def cancel(self, identity: str) -> None:
        """Stop a job that waits or runs; its file goes.

        Raises:
            NotFoundError: there is no such job.
            SettledError: it has ended.
        """
        job = self.job(identity)
        if not self._desk.cancel(job):
            state = self.job(identity).state
            raise SettledError(f"the job is {state}; it cannot be cancelled any more")
        self._worker.cancel(identity)

    def documents(self) -> list[Job]:
        """The documents of the device, as the jobs that brought them, the oldest first."""
        return self._jobs.documents()

    def document(self, document_id: str) -> Job:
        """One document.

        Raises:
            NotFoundError: the device has none of this id of its own.
        """
        found = self._jobs.of_document(document_id)
        if found is None:
            raise NotFoundError(f"there is no document {document_id} of this device's own")
        return found

    def move(
        self, document_id: str, *, collection: str | None = None, access: str | None = None
    ) -> Job:
        """Put a document into another collection, or give it to other groups.

        It keeps its id. When this returns, it is on disk and the next search goes by it.

        Args:
            document_id: of a document of the device's own.
            collection: None: the one that it is in.
            access: groups, separated by commas; empty: everybody. None: those it is open to.

        Raises:
            BadNameError: a name that no collection or group can have.
            DiskLowError: the disk takes nothing, or the device only reads.
            NotFoundError: the device has none of this id of its own.
            TakenPlaceError: a document of the same name or content stands there.
        """
        if self.read_only:
            raise _reads_only()
        job = self.document(document_id)
        place = checked_place(
            job.place.collection if collection is None else collection,
            job.place.access if access is None else access,
        )
        if place != job.place:
            try:
                self._desk.move(job, place)
            except (OSError, apsw.Error) as error:
                if is_disk_trouble(error):
                    raise disk_full() from error
                raise
        return self.document(document_id)

    def remove(self, document_id: str) -> None:
        """Remove a document: its rows, its file and its job.

        Raises:
            NotFoundError: the device has none of this id of its own.
            DiskLowError: the device only reads.
        """
        if self.read_only:
            raise _reads_only()
        self._desk.remove(self.document(document_id))

    def file(self, document_id: str) -> Path:
        """The file that a document was read from.

        Raises:
            NotFoundError: no such document, or its file is gone.
        """
        path = self.originals.path(self.document(document_id).sha256)
        if not path.is_file():
            raise NotFoundError(f"the file of document {document_id} is not there")
        return path

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing waits or runs; whether that is so."""
        return self._worker.idle.wait(seconds)

    def _require_writable(self) -> None:
        if self.read_only:
            raise _reads_only()
        self.originals.require_space()


def _reads_only() -> DiskLowError:
    return DiskLowError("this device only reads at the moment", hint="Its status says why.")
