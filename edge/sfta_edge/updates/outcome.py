"""How a job ends: done, refused with the reason, cancelled, or by a defect; never by silence."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sfta_edge.errors import SftaError
from sfta_edge.updates.job import UpdateJob
from sfta_edge.updates.refusals import CancelledError

log = logging.getLogger("sfta_edge")
Happened = tuple[str, Mapping[str, Any]]
"""Kind and facts of a record of the audit log."""
Tell = Callable[[str, Mapping[str, Any]], object]


def work_off(
    job: UpdateJob, work: Callable[[], Happened], tidy: Callable[[], None]
) -> Happened:
    """Do the work of a job and tidy up after it.

    Returns what is to be recorded; the job learns its reason, and `settle` its end.
    """
    try:
        return work()
    except CancelledError:
        return "update_cancelled", {}
    except SftaError as error:
        if job.stopped.is_set():  # a self-test that was ended because of that
            return "update_cancelled", {}
        job.error, job.hint = str(error), error.hint
        return "update_refused", {"reason": str(error)}
    except Exception:
        log.exception("a defect ended the update")
        job.error = "this device made a mistake; its log has more"
        return "update_refused", {"reason": "a defect"}
    finally:
        tidy()


def settle(job: UpdateJob, happened: Happened, tell: Tell) -> None:
    """Record how a job has ended, then let it end."""
    kind, facts = happened
    try:
        tell(kind, {"user": job.user, **facts})
    except SftaError:
        # It has happened: that it cannot be recorded must not hide it from the page.
        log.exception("the end of the update is not in the audit log")
    if kind == "update_cancelled":
        job.state = "cancelled"
    else:
        job.state = "refused" if kind == "update_refused" else "done"
