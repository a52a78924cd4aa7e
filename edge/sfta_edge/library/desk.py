"""What is done with one job, and what stays of it: every change to the index is made here.

File, job and knowledge file change in an order that an interruption cannot break: a document is
written before its job is done, a job is forgotten before its document is removed, and it says where
a document stands before the document stands there. `reconcile` finishes what was interrupted.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from sfta_edge.library.indexing import Indexer, open_writer, place_id, write_document
from sfta_edge.library.job import Job, Place
from sfta_edge.library.jobs import JobList
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.originals import Originals, Received
from sfta_edge.library.reconciling import reconcile
from sfta_edge.library.refusals import TakenPlaceError
from sfta_edge.library.sandbox import CancelledError
from sfta_edge.reembedding import reembed

log = logging.getLogger("sfta_edge")
_INTERRUPTED = "the program ended {} times while it read this file"
_HAS_ID = "document_id = ? AND state NOT IN ('failed', 'cancelled')"
_STANDS = (
    "state NOT IN ('failed', 'cancelled') AND (name = ? OR sha256 = ?)"
    " AND collection = ? AND access = ? AND id <> ?"
)


class Desk:
    """Jobs, files and knowledge file of one device, changed by one thread at a time."""

    def __init__(
        self,
        knowledge: Path,
        jobs: JobList,
        originals: Originals,
        indexer: Indexer,
        *,
        limits: StoreLimits,
        on_change: Callable[[], None],
    ) -> None:
        self.changing = threading.RLock()
        """Held while file, job and knowledge file are brought into agreement."""
        self._knowledge = knowledge
        self._jobs = jobs
        self._originals = originals
        self._indexer = indexer
        self._limits = limits
        self._on_change = on_change

    def repair(self) -> None:
        """Finish what an interruption left undone."""
        with self.changing:
            changed = reconcile(self._knowledge, self._jobs, self._originals, self._indexer)
        if changed:
            self._on_change()

    def take(self, received: Received, name: str, place: Place, owner: str) -> tuple[Job, bool]:
        """Make a file that was received an original with a job; whether the job is a new one.

        Raises:
            OSError, apsw.Error: the disk takes neither; then both are gone.
        """
        sha256 = received.sha256
        with self.changing:
            self._originals.keep(received)
            try:
                identity = self._free_id(sha256, name, place)
                return self._jobs.add(name, sha256, received.size, place, owner, identity)
            except BaseException:
                if not self._jobs.uses(sha256):
                    self._originals.remove(sha256)
                raise

    def adopt_embedder(self, cancel: threading.Event) -> None:
        """Bring the knowledge file to the embedder at hand, if another made its vectors.

        Raises:
            CancelledError: it is time to stop; the next call goes on.
            OSError: the disk is full.
        """
        if not self._knowledge.exists():
            return
        if not reembed(self._knowledge, self._indexer.embedder, stop=cancel):
            raise CancelledError("it was cancelled")
        self._on_change()

    def next_job(self) -> Job | None:
        """The job to do now."""
        return self._jobs.next_waiting()

    def work(self, job: Job, cancel: threading.Event) -> None:
        """Read, index and write one file.

        Raises:
            UnreadableError: the file cannot become a document.
            CancelledError: somebody cancelled, or it is time to stop.
            DiskLowError: the reserve is used up.
            OSError: the disk is full.
        """
        tries = self._jobs.begin(job)
        if tries > self._limits.tries:
            self.fail(job, _INTERRUPTED.format(tries - 1))
            return
        self._originals.require_space()
        made = self._indexer.prepare(job, self._originals.path(job.sha256), cancel)
        with self.changing:
            if cancel.is_set():
                raise CancelledError("it was cancelled")
            olds = self._jobs.replaced_by(job)
            identity = self._indexer.embedder.identity
            write_document(self._knowledge, identity, made, [old.document_id for old in olds])
            self._jobs.finish(job, olds, **made.facts())
            for ended in (job, *olds):
                self._clear(ended)
        self._on_change()

    def fail(self, job: Job, reason: str) -> None:
        """End a job that cannot be done."""
        with self.changing:
            if self._jobs.end(job.id, "failed", reason):
                self._clear(job)

    def put_off(self, job: Job, reason: str) -> None:
        """Let a job wait for better times."""
        self._jobs.change(job.id, state="waiting", step="", error=reason, tries=0)

    def cancel(self, job: Job) -> bool:
        """End a job that nobody wants any more; False if it has ended."""
        with self.changing:
            ended = self._jobs.end(job.id, "cancelled")
            if ended:
                self._clear(job)
            return ended

    def move(self, job: Job, place: Place) -> None:
        """Put a document into another collection, and give it to other groups.

        It keeps its id. When this returns, the next search goes by it.

        Raises:
            TakenPlaceError: a document of the same name or content stands there.
            OSError, apsw.Error: the disk does not take it; then the document stays as it was.
        """
        with self.changing:
            there = (job.name, job.sha256, place.collection, place.access, job.id)
            if self._jobs.some(_STANDS, *there):
                raise TakenPlaceError("a document of this name or content is there already")
            self._jobs.move(job, place)
            try:
                self._set_place(job.document_id, place)
            except BaseException:
                self._stay(job)
                raise
        self._on_change()

    def remove(self, job: Job) -> None:
        """Remove a document with its rows, its file and its job."""
        with self.changing:
            self._jobs.forget(job.id)
            with closing(
                open_writer(self._knowledge, self._indexer.embedder.identity)
            ) as writer:
                writer.remove(job.document_id)
            self._clear(job)
        self._on_change()

    def _free_id(self, sha256: str, name: str, place: Place) -> str:
        """Id for a new document: one that was moved from this place still has the plain one."""
        identity = place_id(sha256, name, place)
        while self._jobs.some(_HAS_ID, identity):
            identity = place_id(identity, name, place)
        return identity

    def _set_place(self, document_id: str, place: Place) -> None:
        with closing(open_writer(self._knowledge, self._indexer.embedder.identity)) as writer:
            writer.set_place(document_id, place.collection, place.access)

    def _stay(self, job: Job) -> None:
        """Take a move back that the knowledge file did not follow."""
        try:
            self._jobs.move(job, job.place)
        except (OSError, apsw.Error):
            # A disk that is full takes no note either; the next start finishes the move.
            log.exception("the move of document %s is not taken back", job.document_id)

    def _clear(self, job: Job) -> None:
        """Remove what a job that has ended leaves; its file stays if another needs it."""
        self._indexer.clear(job)
        if not self._jobs.uses(job.sha256):
            self._originals.remove(job.sha256)
        self._jobs.forget_old(self._limits.kept_jobs)
