"""Where maps over records run: threads of this machine, or the processes of a Ray cluster.

A stage that treats its records one by one hands a function and the records to an executor and
gets the results in the order of the records, so its artifact is the same wherever they were
computed. The function stands in a module and takes and gives plain values: Ray sends both to
other processes by its own means.
"""

import os
import secrets
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, TypeVar

from sfta.core.stage import Runtime
from sfta_edge.errors import MissingDependencyError, SftaError, ToolError

R = TypeVar("R")
T = TypeVar("T")
_RETRIES = 1  # a process may be lost once
_AHEAD = 4  # calls begun for each that runs at the same time
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # nothing about a run is reported to anybody


class Executor(Protocol):
    """Maps a function over records."""

    @property
    def width(self) -> int:
        """Calls that run at the same time."""

    @property
    def threads(self) -> int | None:
        """Threads that one call may use for itself; None means as many as it likes."""

    def map(self, function: Callable[[R], T], records: Sequence[R]) -> Iterator[T]:
        """Results in the order of the records; the first error ends the map.

        Raises:
            ToolError: a process of a cluster ended, or the cluster does not answer.
        """

    def call(self, function: Callable[[R], T], record: R) -> T:
        """The result of one call, when it is there; for threads that wait beside one another.

        Raises:
            ToolError: as `map`.
        """


def executor_of(runtime: Runtime, *, waiting: int = 0) -> Executor:
    """The executor that the runtime names.

    Args:
        runtime: which executor, and how many workers.
        waiting: calls that run at the same time when they wait for an answer from elsewhere
            and use no processor; 0 when they compute.

    Raises:
        MissingDependencyError: Ray is asked for and not installed.
        ToolError: the Ray cluster cannot be reached or started.
    """
    if runtime.executor == "ray":
        return RayExecutor(runtime.workers, waiting=waiting)
    return LocalExecutor(waiting or runtime.workers or len(os.sched_getaffinity(0)))


class LocalExecutor:
    """Threads of this process.

    They are enough for calls that start a process, wait for an answer, or compute in a
    library that lets other threads go on meanwhile.
    """

    threads: int | None = None

    def __init__(self, width: int) -> None:
        self.width = width

    def map(self, function: Callable[[R], T], records: Sequence[R]) -> Iterator[T]:
        pool = ThreadPoolExecutor(max_workers=self.width)
        try:
            yield from pool.map(function, records)
        finally:
            pool.shutdown(cancel_futures=True)

    def call(self, function: Callable[[R], T], record: R) -> T:
        return function(record)


class RayExecutor:
    """Processes of a Ray cluster: the one that RAY_ADDRESS names, or one on this machine.

    Every node has the same version of sfta and sees the folders of sources, runs and cache
    under the same paths.
    """

    threads: int | None = 1

    def __init__(self, workers: int = 0, *, waiting: int = 0) -> None:
        self._ray = _connected(workers)
        self._cores = 0 if waiting else 1
        self.width = waiting or int(self._ray.cluster_resources().get("CPU", 1))

    def map(self, function: Callable[[R], T], records: Sequence[R]) -> Iterator[T]:
        # Sent once: what all records have in common may be large.
        task, shared = self._task(), self._ray.put(function)
        waiting = iter(records)
        # Begun a few at a time, so that a map which ends early leaves little behind: Ray ends
        # the whole process when a task is cancelled in the moment in which it is completed.
        pending = deque(task.remote(shared, r) for r in islice(waiting, _AHEAD * self.width))
        while pending:
            result = self._result(pending.popleft())
            pending.extend(task.remote(shared, record) for record in islice(waiting, 1))
            yield result

    def call(self, function: Callable[[R], T], record: R) -> T:
        made: T = self._result(self._task().remote(function, record))
        return made

    def _task(self) -> Any:
        return self._ray.remote(num_cpus=self._cores, max_retries=_RETRIES)(_call)

    def _result(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            # Ours is said as if it had happened here; another one is a defect and stays one.
            if isinstance(error.cause, SftaError):
                raise error.cause from None
            raise
        except errors.RayError as error:
            raise ToolError(
                f"a Ray worker failed: {str(error).splitlines()[0]}",
                hint="Look at `ray status`, or run with --executor local.",
            ) from error


def _call(function: Callable[[R], T], record: R) -> T:
    return function(record)


def _connected(workers: int) -> Any:
    own = not os.environ.get("RAY_ADDRESS")
    if "ray" not in sys.modules:
        # Ray reads these when it is imported, and hands them to its processes.
        os.environ.update(_QUIET | (_own_cluster() if own else {}))
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "--executor ray needs Ray", hint="Run `pip install 'sfta[ray]'`."
        ) from error
    if ray.is_initialized():
        return ray
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    if own:
        cores = workers or len(os.sched_getaffinity(0))
        options |= {"include_dashboard": False, "num_cpus": cores}
    try:
        ray.init(**options)
    except (OSError, RuntimeError, ValueError) as error:
        raise ToolError(
            f"Ray cannot be reached: {error}", hint="Check RAY_ADDRESS and `ray status`."
        ) from error
    return ray


def _own_cluster() -> dict[str, str]:
    """A cluster that only this user's processes on this machine can reach."""
    return {
        # Whatever its name says: 0 makes Ray listen on the loopback interface alone.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
