"""After an interruption: what list of jobs, knowledge file and folder of files disagree on.

The list of jobs is right. A document that no job knows goes, as its removal was interrupted; one
that stands elsewhere than its job says is moved; a document that is not in the knowledge file is
read again, as long as its file is there. So a knowledge file that was lost or damaged costs time
and no document.
"""

import logging
from contextlib import closing
from pathlib import Path

from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import open_knowledge
from sfta_edge.library.disk_trouble import is_disk_trouble
from sfta_edge.library.indexing import Indexer, open_writer
from sfta_edge.library.job import Job, Place
from sfta_edge.library.jobs import JobList
from sfta_edge.library.originals import Originals

log = logging.getLogger("sfta_edge")
_GONE = "its file is not there any more"


def reconcile(path: Path, jobs: JobList, originals: Originals, indexer: Indexer) -> bool:
    """Bring the three into agreement; whether the knowledge file changed."""
    identity = indexer.embedder.identity
    try:
        changed = _set_aside(path)
    except IntegrityError as error:
        log.warning("nothing is repaired before the disk works again: %s", error)
        return False
    there = _documents(path)
    done = jobs.documents()
    open_jobs = jobs.some("state IN ('waiting', 'running')")
    strays = there.keys() - {job.document_id for job in (*done, *open_jobs)}
    moved = [job for job in done if there.get(job.document_id, job.place) != job.place]
    # Written, but not yet noted as done: these take the places of documents before them.
    written = {_spot(job) for job in open_jobs if job.document_id in there}
    if strays or moved:
        log.warning("finishing %d removals and %d moves", len(strays), len(moved))
        with closing(open_writer(path, identity)) as writer:
            for stray in sorted(strays):
                writer.remove(stray)
            for job in moved:
                writer.set_place(job.document_id, job.place.collection, job.place.access)
    for job in done:
        if job.document_id not in there and _spot(job) not in written:
            if originals.path(job.sha256).is_file():
                jobs.again(job)
            else:
                jobs.lose(job, _GONE)
    originals.remove_others(jobs.uses)
    indexer.clear_others(lambda identifier: _is_open(jobs, identifier))
    return changed or bool(strays or moved)


def _spot(job: Job) -> tuple[str, Place]:
    return job.name, job.place


def _is_open(jobs: JobList, identifier: str) -> bool:
    job = jobs.get(identifier)
    return job is not None and job.state in ("waiting", "running")


def _set_aside(path: Path) -> bool:
    """Move a knowledge file away that is damaged; whether it was.

    Raises:
        IntegrityError: it cannot be read, but that is the fault of the disk.
    """
    if not path.exists():
        return False
    try:
        open_knowledge(path).close()
    except IntegrityError as error:
        if is_disk_trouble(error):
            raise
        log.warning("%s: all documents are indexed anew: %s", path.name, error)
    else:
        return False
    aside = path.with_name(f"{path.name}.damaged")
    for ending in ("", "-wal", "-shm"):
        aside.with_name(aside.name + ending).unlink(missing_ok=True)
        old = path.with_name(path.name + ending)
        if old.exists():
            old.replace(aside.with_name(aside.name + ending))
    return True


def _documents(path: Path) -> dict[str, Place]:
    if not path.exists():
        return {}
    with closing(open_knowledge(path)) as knowledge:
        found = knowledge.connection.execute("SELECT id, collection, access FROM documents")
        return {str(identity): Place(*place) for identity, *place in found}
