"""What an admin does with the bundles of a device that runs: install, go back, restart.

One thing at a time. The device goes on answering from the slot it was started from, so nothing is
installed while that slot is the spare one, and nothing before a new bundle has proved itself.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.installation import examine, install
from sfta_edge.library.originals import Source
from sfta_edge.library.refusals import DiskLowError
from sfta_edge.manifest import MANIFEST
from sfta_edge.present import PresentFiles
from sfta_edge.selftest import try_bundle
from sfta_edge.slots import Installed, State, read_state, rollback
from sfta_edge.updates.job import UpdateJob
from sfta_edge.updates.outcome import Happened, Tell, settle, work_off
from sfta_edge.updates.receiving import Receiving, Slice, UpdateLimits
from sfta_edge.updates.refusals import NotHereError, NotNowError, unusable
from sfta_edge.updates.signer import signer_of

_FOLDER = "cache/updates"
"""Below the data, where no backup looks."""
_RESPITE_SECONDS = 1.0
"""Until the restart: the answer that promises it is sent before."""


class Trial(Protocol):
    """Tries a complete bundle; `selftest.try_bundle` is one."""

    def __call__(self, root: Path, folder: Path, *, stopped: Callable[[], bool]) -> object: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an installation has around it."""

    restart: Callable[[], object] | None = None
    """Ends the server so that it is started again; None: nobody would start it."""
    on_event: Tell = lambda _kind, _facts: None
    """What the audit log is told."""
    trial: Trial = try_bundle


class Updates:
    """The updates of one installation; `close` stops what is under way."""

    def __init__(
        self,
        root: Path,
        running: Path,
        around: Surroundings,
        limits: UpdateLimits | None = None,
    ) -> None:
        """Remove what an interrupted upload has left.

        Args:
            root: the installation.
            running: slot that the device answers from.
            around: what it has around it.
            limits: what an upload may take.
        """
        self._root, self._around = root, around
        self._running = hashlib.sha256((running / MANIFEST).read_bytes()).hexdigest()
        self._receiving = Receiving(root / "data" / _FOLDER, limits or UpdateLimits())
        self._job: UpdateJob | None = None
        self._thread: threading.Thread | None = None
        self._leaves = False
        self._lock = threading.Lock()

    @property
    def slice_bytes(self) -> int:
        """Longest body of one request."""
        return self._receiving.limits.slice_bytes

    def status(self) -> dict[str, Any]:
        """Everything that the page shows.

        Raises:
            IntegrityError: the state file is damaged.
        """
        state, job = read_state(self._root), self._job
        return {
            "possible": True,
            "running": self._answering(state),
            "active": _named(state.current),
            "other": _named(state.other),
            "restart": self._waits_for_restart(state),
            "supervised": self._around.restart is not None,
            "start": f"{self._root}/bin/sfta-edge serve",
            "probation": bool(state.probation),
            "reason": state.reason,
            "stays": state.stays,
            "slice_bytes": self.slice_bytes,
            "most_bytes": self._receiving.limits.most_bytes,
            "files": [file.to_json() for file in self._receiving.files],
            "job": None if job is None else job.to_json(),
        }

    def receive(self, sent: Slice, source: Source, user: str) -> None:
        """Take a slice of an upload; see `receiving`.

        Raises:
            NotNowError, TooLargeError, DiskLowError, UnusableUpdateError: it is not taken. What
                cannot become an update, whatever follows, is removed.
        """
        with self._lock:
            self._require_free()
            if not self._receiving.files:
                self._job = None
        self._receiving.take(sent, source, lambda path: self._examine(path, user))

    def install(self, user: str) -> None:
        """Begin to install what has arrived; `status` tells how it goes.

        Raises:
            UnusableUpdateError: not everything has arrived.
            NotNowError: something else has to end first.
        """
        with self._lock:
            self._require_free()
            first = self._receiving.first()
            files = self._receiving.facts()
            self._around.on_event("update_uploaded", {"user": user, "files": files})
            job = UpdateJob("install", user, total=sum(file["bytes"] for file in files))
            self._begin(job, lambda: self._install(first, job), self._receiving.clear)

    def go_back(self, user: str, reason: str) -> None:
        """Begin to make the other slot the active one, after checking it.

        Raises:
            NotHereError: there is no other bundle.
            NotNowError: something else has to end first.
        """
        with self._lock:
            self._require_no_job()
            if read_state(self._root).other is None:
                raise NotHereError("there is no other bundle to go back to")
            job = UpdateJob("rollback", user)
            self._begin(job, lambda: self._go_back(reason), lambda: None)

    def cancel(self, user: str) -> None:
        """Stop what is under way and remove what has arrived."""
        with self._lock:
            job = self._job
            if job is not None and job.running:
                if job.kind == "rollback":
                    raise NotNowError("going back cannot be cancelled")
                job.stopped.set()
                return
            self._job = None
            if self._receiving.files:
                self._receiving.clear()
                self._around.on_event("update_cancelled", {"user": user})

    def restart(self, user: str) -> None:
        """End the server, for its supervisor to start the active slot.

        Raises:
            NotNowError: something else has to end first.
            NotHereError: nobody would start it again.
        """
        with self._lock:
            self._require_no_job()
            state, end = read_state(self._root), self._around.restart
            if self._leaves or not self._waits_for_restart(state):
                raise NotNowError("nothing waits for a restart")
            if end is None:
                raise NotHereError(
                    "nothing here would start the device again",
                    hint=f"End it, and start it: {self._root}/bin/sfta-edge serve",
                )
            facts = _named(state.current) or {}
            self._around.on_event("restart", {"user": user, **facts})
            self._leaves = True
            timer = threading.Timer(_RESPITE_SECONDS, end)
            timer.daemon = True
            timer.start()

    def wait(self, seconds: float) -> bool:
        """Whether the job has ended within some seconds."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._job is None or not self._job.running

    def close(self) -> None:
        """Stop what is under way; the device goes on with the bundle it had."""
        job = self._job
        if job is not None:
            job.stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(
        self, job: UpdateJob, work: Callable[[], Happened], tidy: Callable[[], None]
    ) -> None:
        def run() -> None:
            settle(job, work_off(job, work, tidy), self._around.on_event)

        self._job = job
        self._thread = threading.Thread(target=run, daemon=True, name="update")
        self._thread.start()

    def _install(self, first: Path, job: UpdateJob) -> Happened:
        def trial(folder: Path) -> None:
            job.state, job.done = "testing", job.total
            self._around.trial(self._root, folder, stopped=job.stopped.is_set)

        key = signer_of(first, self._root)
        found = install(first, self._root, key, trial=trial, written=job.told)
        if found.manifest == self._running:
            raise IntegrityError("this bundle is the one that answers now")
        return "update_installed", _facts(found)

    def _go_back(self, reason: str) -> Happened:
        told = reason.strip() or "an admin went back on the page"
        state = rollback(self._root, told)
        return "rollback", {**(_named(state.current) or {}), "reason": told}

    def _examine(self, path: Path, user: str) -> None:
        """Look at the beginning of an upload: the rest is not sent for nothing."""
        try:
            manifest = examine(path, self._root, signer_of(path, self._root))
        except SftaError as error:
            self._receiving.clear()
            self._around.on_event("update_refused", {"user": user, "reason": str(error)})
            raise unusable(error) from error
        present = PresentFiles(self._root, path)
        new = sum(entry.size for entry in manifest.files if not present.lists(entry))
        if self._receiving.free_bytes() < new + self._receiving.missing_bytes:
            self._receiving.clear()
            raise DiskLowError(
                f"the bundle needs {new >> 20} MiB beside its upload, which are not free",
                hint="Remove documents or other files, or install it from a stick.",
            )

    def _require_no_job(self) -> None:
        if self._job is not None and self._job.running:
            raise NotNowError("an update is on its way", hint="Wait until it ends.")

    def _require_free(self) -> None:
        """Nothing is written into the spare slot while it is needed."""
        self._require_no_job()
        state = read_state(self._root)
        if self._waits_for_restart(state):
            raise NotNowError(
                "another bundle is installed and waits for the restart", hint="Restart first."
            )
        if state.probation:
            raise NotNowError(
                "the bundle that answers is new and has not proved itself yet",
                hint="Try again in a few minutes, or go back to the one before.",
            )

    def _waits_for_restart(self, state: State) -> bool:
        return state.current is not None and state.current.manifest != self._running

    def _answering(self, state: State) -> dict[str, Any] | None:
        held = [slot for slot in state.slots.values() if slot.manifest == self._running]
        return _named(held[0]) if held else None


def _named(installed: Installed | None) -> dict[str, Any] | None:
    return None if installed is None else _facts(installed)


def _facts(installed: Installed) -> dict[str, Any]:
    return {
        "name": installed.name,
        "counter": installed.counter,
        "digest": installed.digest,
    }
