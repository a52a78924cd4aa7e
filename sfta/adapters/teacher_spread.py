"""A teacher in a GGUF file that writes on all nodes of a cluster, one reply on each core.

Its replies are those of `sfta.adapters.teacher_gguf`: a reply depends on model, request and
settings alone. Every node sees the file under the same path.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sfta.adapters.teacher_asking import Request
from sfta.adapters.teacher_budget import Tokens
from sfta.adapters.teacher_gguf import GgufModelTeacher, Lane, LocalModel
from sfta.adapters.teacher_pace import StoppedError
from sfta.adapters.teacher_replies import Reply
from sfta.core.executor import Executor


class SpreadTeacher:
    """Hands each request to a process of the cluster; a `teacher_asking.Teacher`."""

    retries = 0

    def __init__(self, settings: LocalModel, executor: Executor) -> None:
        """Load the model here too: it counts tokens.

        Raises:
            ConfigError: no such file, or one without a chat template.
            IntegrityError: the file is damaged.
        """
        self._settings, self._executor = settings, executor
        self._here = GgufModelTeacher(settings, lanes=1)
        self._waiting: ThreadPoolExecutor | None = None
        self._stopped = False
        self.concurrency = executor.width

    def identity(self, request: Request) -> Any:
        """That of the same model on one machine: replies are kept for both."""
        return self._here.identity(request)

    def most(self, request: Request) -> Tokens:
        """The prompt's tokens, counted, and the longest reply."""
        return self._here.most(request)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Threads that wait for the cluster's processes."""
        with ThreadPoolExecutor(max_workers=self.concurrency) as self._waiting:
            yield

    def stop(self) -> None:
        """Begin no further reply; those that are being written end by themselves."""
        self._stopped = True

    async def ask(self, request: Request) -> Reply:
        """The reply of a process of the cluster.

        Raises:
            IntegrityError: the model computes values that are no numbers.
            StoppedError: another request has failed for good.
            ToolError: the process ended, or the cluster does not answer.
        """
        if self._stopped:
            raise StoppedError("asking was stopped")
        call = partial(self._executor.call, partial(reply_here, self._settings), request)
        return await asyncio.get_running_loop().run_in_executor(self._waiting, call)


def reply_here(settings: LocalModel, request: Request) -> Reply:
    """The reply of the model that this process holds; it is loaded for the first one."""
    return _HELD.reply(settings, request)


class _Held:
    """The model of this process and its memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_of: LocalModel | None = None
        self._writer: tuple[GgufModelTeacher, Lane] | None = None

    def reply(self, settings: LocalModel, request: Request) -> Reply:
        with self._lock:
            if self._writer is None or self._made_of != settings:
                teacher = GgufModelTeacher(settings, lanes=1)
                self._writer, self._made_of = (teacher, teacher.lane()), settings
            teacher, lane = self._writer
            return teacher.reply(lane, request)


_HELD = _Held()
