"""Keeps one worker running: starts it, looks after it, starts it anew.

Rules this module upholds:

- A worker that ends, gives no sign of life or does not come back from a request is replaced, for
  as long as it takes: at once if it had answered, however often that happens; after ever longer
  pauses while workers die before they answer anything.
- What was asked of a lost worker ends in `WorkerLostError`. What comes after waits for the new
  one, a bounded time.
- A new worker has loaded what the first one had; another model under the same name is refused.
- After `close` there is no process, no thread and no descriptor left.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Protocol, Self

from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.worker.child import Child
from sfta_edge.worker.connection import Connection
from sfta_edge.worker.failures import WorkerDownError
from sfta_edge.worker.kept_states import StateKeeper
from sfta_edge.worker.listener import Listener
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.readiness import WorkerFacts, await_ready
from sfta_edge.worker.state import Status, WatchOptions, WorkerState
from sfta_edge.worker.unit import Unit

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds, from the second failure in a row on
_DOWN_AFTER = 3  # failures in a row


class Worker(Protocol):
    """A process that answers through a socket."""

    @property
    def link(self) -> socket: ...
    @property
    def pid(self) -> int: ...
    @property
    def resident_bytes(self) -> int | None: ...
    def kill(self) -> None: ...
    def end(self) -> str: ...


class Supervisor:
    """One worker at a time. Threads share it."""

    def __init__(
        self,
        launch: Callable[[], Worker],
        options: WatchOptions | None = None,
        *,
        on_change: Callable[[WorkerState], None] | None = None,
        keeper: StateKeeper | None = None,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            launch: starts a worker.
            options: default: the defaults.
            on_change: told of every new status in order, by a thread of its own.
            keeper: writes what workers want to be kept; closed with the supervisor.
        """
        self._launch, self._listener, self._keeper = launch, Listener(on_change), keeper
        self.options = options or WatchOptions()
        self._changed = threading.Condition()
        self._state = WorkerState(since=time.time())
        self._worker: Worker | None = None
        self._connection: Connection | None = None
        self._facts: WorkerFacts | None = None
        self._failure: SftaError | None = None
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._run, name="worker-watch", daemon=True)

    @classmethod
    def of_files(
        cls,
        files: WorkerFiles,
        options: WatchOptions | None = None,
        *,
        memory_bytes: int | None = None,
        on_change: Callable[[WorkerState], None] | None = None,
    ) -> Self:
        """Over child processes; `memory_bytes` caps the address space of one."""
        launch = lambda: Child(files, memory_bytes=memory_bytes)  # noqa: E731 shorter than a function for one call
        keeper = None if files.cache is None else StateKeeper(files.cache)
        return cls(launch, options, on_change=on_change, keeper=keeper)

    @classmethod
    def of_socket(
        cls,
        path: Path,
        options: WatchOptions | None = None,
        *,
        on_change: Callable[[WorkerState], None] | None = None,
    ) -> Self:
        """Over a service that listens on a UNIX socket and is restarted by the system."""
        return cls(lambda: Unit(path), options, on_change=on_change)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, *, wait: bool = True) -> Self:
        """Start the first worker.

        Args:
            wait: until it is ready; else it may come when it comes.

        Raises:
            SftaError: with `wait`, why it does not start; nothing runs then.
        """
        self._watcher.start()
        if not wait:
            return self
        with self._changed:
            self._changed.wait_for(lambda: self._connection or self._failure)
            failure = None if self._connection else self._failure
        if failure is not None:
            self.close()
            raise failure
        return self

    @property
    def state(self) -> WorkerState:
        """How things are."""
        with self._changed:
            state, worker = self._state, self._worker
        if worker is None or state.pid is None:
            return state
        return replace(state, rss_bytes=worker.resident_bytes)

    def connection(self, seconds: float | None = None) -> Connection:
        """The connection to the worker that runs; waits for one at most `seconds`.

        Raises:
            WorkerDownError: there is none.
        """
        patience = self.options.wait if seconds is None else min(seconds, self.options.wait)
        with self._changed:
            self._changed.wait_for(self._settled, patience)
            if self._connection is not None and not self._connection.ended.is_set():
                return self._connection
            state = self._state
        raise WorkerDownError(
            f"the model's process is {state.status}: {state.last_error or 'not ready yet'}",
            hint="It is started again by itself; ask again in some seconds.",
        )

    def facts(self) -> WorkerFacts:
        """What is loaded; still known while a worker is being replaced.

        Raises:
            WorkerDownError: no worker was ready yet.
        """
        if self._facts is None:
            self.connection()
        assert self._facts is not None
        return self._facts

    def close(self) -> None:
        """End the worker and everything that was started for it."""
        self._closing.set()
        with self._changed:
            worker, connection = self._worker, self._connection
        if connection is not None:
            connection.close("the device is shutting down")
        elif worker is not None:
            worker.kill()
        if self._watcher.is_alive():
            self._watcher.join()
        self._listener.close()
        if self._keeper is not None:
            self._keeper.close()

    def _settled(self) -> bool:
        running = self._connection is not None and not self._connection.ended.is_set()
        return running or self._state.status in {"down", "stopped"}

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            reason, answered = self._one_life()
            if self._closing.is_set():
                break
            failures = 1 if answered else failures + 1
            self._change("down" if failures >= _DOWN_AFTER else "starting", reason)
            self._closing.wait(_pause(failures))
        self._change("stopped", "")

    def _one_life(self) -> tuple[str, bool]:
        """From the start of a worker to its end: why it ended, whether it had answered."""
        worker = None
        try:
            worker = self._launch()
            self._began(worker)
            facts = self._accepted(worker)
        except (SftaError, OSError) as error:
            return self._failed(error, worker.end() if worker else ""), False
        keep = None if self._keeper is None else self._keeper.take
        connection = Connection(worker.link, keep)
        self._up(worker, connection, facts)
        reason = self._watch(worker, connection)
        connection.close(reason)
        ending = worker.end()
        with self._changed:
            self._worker = self._connection = None
        return f"{reason} ({ending})", connection.answered

    def _began(self, worker: Worker) -> None:
        with self._changed:
            self._worker = worker
        if self._closing.is_set():
            worker.kill()

    def _accepted(self, worker: Worker) -> WorkerFacts:
        facts = await_ready(worker.link, self.options.start)
        if self._facts is not None and facts.identity != self._facts.identity:
            raise IntegrityError(
                "the worker loaded other models than the one before it",
                hint="Files were replaced while they were in use. Restart the service.",
            )
        return facts

    def _failed(self, error: SftaError | OSError, ending: str) -> str:
        """Remember why a worker did not start."""
        if not isinstance(error, SftaError):
            error = WorkerDownError(f"the worker cannot be started: {error}")
        elif isinstance(error, WorkerDownError) and ending:
            error = WorkerDownError(f"{error} ({ending})", hint=error.hint)
        with self._changed:
            self._worker, self._failure = None, error
            self._changed.notify_all()
        return str(error)

    def _up(self, worker: Worker, connection: Connection, facts: WorkerFacts) -> None:
        again = self._facts is not None
        with self._changed:
            self._facts, self._connection, self._failure = facts, connection, None
            restarts = self._state.restarts + again
            self._state = replace(self._state, restarts=restarts, pid=worker.pid)
        self._change("up", self._state.last_error)

    def _watch(self, worker: Worker, connection: Connection) -> str:
        """Look after a worker until it is lost, or nobody needs it; returns why it was lost."""
        # The first look comes at once: it shows that the worker answers.
        pause = 0.0
        while not connection.ended.wait(pause) and not self._closing.is_set():
            pause = self.options.ping
            try:
                connection.begin("ping").result(self.options.pong)
            except TimeoutError:
                return _given_up(
                    worker, connection, f"no sign of life for {self.options.pong:g} seconds"
                )
            except SftaError:
                break  # it ended; the reason stands with the connection
            if connection.overdue() > self.options.grace:
                return _given_up(
                    worker,
                    connection,
                    f"a request ran {self.options.grace:g} seconds longer than it may",
                )
        return connection.reason or "the device is shutting down"

    def _change(self, status: Status, reason: str) -> None:
        with self._changed:
            pid = self._state.pid if status == "up" else None
            self._state = replace(
                self._state, status=status, pid=pid, since=time.time(), last_error=reason
            )
            state = self._state
            self._changed.notify_all()
        level = logging.INFO if status in {"up", "stopped"} else logging.ERROR
        log.log(level, "the worker is %s%s", status, f": {reason}" if reason else "")
        self._listener.tell(state)


def _given_up(worker: Worker, connection: Connection, reason: str) -> str:
    """End a worker that hangs; its callers hear the reason, so that comes first."""
    connection.close(reason)
    worker.kill()
    return reason


def _pause(failures: int) -> float:
    """Seconds before the next start, after so many failures in a row."""
    return 0.0 if failures <= 1 else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (failures - 2))
