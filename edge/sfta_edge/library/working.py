"""The thread that reads and indexes what was handed in, one file after another."""

import logging
import threading

import apsw

from sfta_edge.documents.document import UnreadableError
from sfta_edge.errors import SftaError
from sfta_edge.library.desk import Desk
from sfta_edge.library.disk_trouble import is_disk_trouble
from sfta_edge.library.job import Job
from sfta_edge.library.sandbox import CancelledError

log = logging.getLogger("sfta_edge")
# A defect that one file brings to light must not keep the others from being read.
_ANYTHING = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SftaError,
    TypeError,
    ValueError,
    apsw.Error,
)
_LOW = "waits for space on the disk"


class Worker:
    """Works as long as there is something to do; then it waits to be woken."""

    def __init__(self, desk: Desk, *, retry_seconds: float) -> None:
        """Work at a desk; what finds no space on the disk is tried again after a while."""
        self._desk = desk
        self._retry_seconds = retry_seconds
        self._adopted = False
        self._thread: threading.Thread | None = None
        self._woken = threading.Condition()
        self._work = False
        self._stopping = False
        self._cancel = threading.Event()
        self._current = ""
        self.idle = threading.Event()
        """Set while nothing waits and nothing runs."""

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sfta-library", daemon=True)
            self.wake()
            self._thread.start()

    def stop(self) -> None:
        """Stop as soon as the current step is kept."""
        with self._woken:
            self._stopping = True
            self._cancel.set()
            self._woken.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Say that there is something to do."""
        with self._woken:
            self._work = True
            self.idle.clear()
            self._woken.notify()

    def cancel(self, identity: str) -> None:
        """Interrupt a job if it is the current one."""
        with self._woken:
            if identity == self._current:
                self._cancel.set()

    def _run(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """Do one job, or wait; False when it is time to stop."""
        with self._woken:
            if self._stopping:
                return False
            job = self._desk.next_job() if self._adopted else None
            if job is None and self._adopted:
                self._work = False
                self.idle.set()
                self._woken.wait_for(lambda: self._work or self._stopping)
                return not self._stopping
            self._cancel.clear()
            self._current = job.id if job else ""
        if not (self._done(job) if job else self._adopt()):
            with self._woken:
                self._woken.wait_for(lambda: self._stopping, self._retry_seconds)
        return True

    def _adopt(self) -> bool:
        """Let the vectors that are there be those of the embedder; False to try again."""
        try:
            self._desk.adopt_embedder(self._cancel)
        except CancelledError:
            return True
        except (OSError, apsw.Error, SftaError):
            log.exception("the documents cannot be embedded anew")
            return False
        self._adopted = True
        return True

    def _done(self, job: Job) -> bool:
        """Do a job to its end; False if the disk has no room for it at the moment."""
        try:
            self._desk.work(job, self._cancel)
        except CancelledError:
            pass
        except _ANYTHING as error:
            return self._settled(job, error)
        return True

    def _settled(self, job: Job, error: Exception) -> bool:
        """Note why a job came to no end; False if it is to be tried again."""
        trouble = is_disk_trouble(error)
        try:
            if trouble:
                self._desk.put_off(job, _LOW)
            elif isinstance(error, UnreadableError):
                self._desk.fail(job, str(error))
            else:
                log.error("job %s", job.id, exc_info=error)
                said = str(error) if isinstance(error, SftaError) else type(error).__name__
                self._desk.fail(job, f"it cannot be indexed: {said}")
        except (OSError, apsw.Error) as second:
            # A disk that is full takes no note either.
            log.warning("job %s %s: %s", job.id, _LOW, second)
            return False
        return not trouble
