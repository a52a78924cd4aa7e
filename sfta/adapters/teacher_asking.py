"""Asking a teacher about many things at once, each paid for once.

Rules this module upholds:

- A reply is on disk before it is used: an interrupted run asks again only what was in flight.
- The disk keeps no request waiting: the next one begins while a reply is being written.
- Requests with the same content are one request.
- Requests begin in the order given, so a budget ends at the same place every time.
- When one fails for good, no other is begun, those in flight are finished and kept, and then
  the error is raised.
- Memory grows with the number of requests by half a key each, not by their text.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sfta.adapters.teacher_budget import Budget, BudgetGate, Tokens, Usage
from sfta.adapters.teacher_replies import Reply, ReplyFolder, reply_key
from sfta.core.progress import Task, task
from sfta_edge.errors import SftaError

Messages = Sequence[Mapping[str, str]]
NOT_ASKED = Reply("not_asked")
NO_LIMIT = Budget()


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask."""

    messages: Messages
    schema: Mapping[str, Any] | None = None
    """JSON schema that the reply must obey, if the teacher can enforce one."""


class Teacher(Protocol):
    """Who is asked."""

    @property
    def concurrency(self) -> int:
        """Requests in flight."""

    @property
    def retries(self) -> int:
        """Requests that were repeated after a failure."""

    def identity(self, request: Request) -> Any:
        """All that decides the reply, as JSON; never a key."""

    def most(self, request: Request) -> Tokens:
        """The most that a request can cost."""

    def opened(self) -> AbstractAsyncContextManager[Any]:
        """Holds what asking needs: connections, memory."""

    async def ask(self, request: Request) -> Reply:
        """The reply to one request.

        Raises:
            SftaError: there is none, and the run must not go on.
        """

    def stop(self) -> None:
        """Begin nothing more: waits for a retry end at once."""


def ask_all(
    teacher: Teacher,
    requests: Iterable[Request],
    replies: ReplyFolder,
    use: Callable[[int, Reply], None],
    *,
    budget: Budget = NO_LIMIT,
    total: int | None = None,
    title: str = "asking the teacher",
) -> Usage:
    """Ask everything; hand each reply with the request's place to `use`, as they come.

    Args:
        teacher: who is asked.
        requests: read as they are needed.
        replies: replies of earlier runs; new ones are added.
        use: called once for every request, in this thread.
        budget: what does not fit into it is handed on as not asked.
        total: number of requests, if it is known.
        title: what the progress says.

    Raises:
        SftaError: a request failed for good. Replies that have come in are kept.
    """
    with task(title, total) as progress:
        asking = _Asking(teacher, requests, replies, use, BudgetGate(budget), progress)
        return asyncio.run(asking.finish())


class _Asking:
    def __init__(
        self,
        teacher: Teacher,
        requests: Iterable[Request],
        replies: ReplyFolder,
        use: Callable[[int, Reply], None],
        gate: BudgetGate,
        progress: Task,
    ) -> None:
        self._teacher, self._replies, self._use = teacher, replies, use
        self._gate, self._progress = gate, progress
        self._waiting = enumerate(requests)
        self._turn = asyncio.Lock()
        self._usage = Usage()
        self._repeats: dict[str, list[int]] = {}
        """By key of a request in flight: places of the same request."""
        self._answered: set[bytes] = set()
        self._failure: SftaError | None = None

    async def finish(self) -> Usage:
        async with self._teacher.opened(), asyncio.TaskGroup() as group:
            for _ in range(self._teacher.concurrency):
                group.create_task(self._work())
        self._usage.retries = self._teacher.retries
        self._usage.stopped_by = self._gate.closed_by
        if self._failure is not None:
            raise self._failure
        return self._usage

    async def _work(self) -> None:
        # One write at a time for each request in flight, so that a slow disk is not outrun.
        async with asyncio.TaskGroup() as writing:
            write: asyncio.Task[None] | None = None
            while (begun := await self._begin()) is not None:
                place, request, key = begun
                most = self._teacher.most(request)
                try:
                    reply = await self._teacher.ask(request)
                except SftaError as error:
                    self._fail(error, most)
                    return
                if write is not None:
                    await write
                write = writing.create_task(self._keep(place, key, reply, most))

    async def _keep(self, place: int, key: str, reply: Reply, most: Tokens) -> None:
        try:
            # On another thread: the disk must not keep the others waiting.
            await asyncio.to_thread(self._replies.put, key, reply)
        except SftaError as error:
            self._fail(error, most)
        else:
            self._settle(place, key, reply, most)

    def _fail(self, error: SftaError, most: Tokens) -> None:
        self._failure = self._failure or error
        self._teacher.stop()
        self._gate.settle(most, Tokens())

    async def _begin(self) -> tuple[int, Request, str] | None:
        """The next request that has no reply yet; those that have one are handed on."""
        async with self._turn:
            for place, request in () if self._failure else self._waiting:
                key = reply_key(self._teacher.identity(request))
                if self._is_repeated(place, key):
                    continue
                most = self._teacher.most(request)
                admitted = await self._gate.admit(most)
                if self._failure is not None:
                    return None
                if not admitted:
                    self._hand_on(place, NOT_ASKED)
                    continue
                self._repeats[key] = []
                if (kept := self._replies.get(key)) is None:
                    return place, request, key
                self._settle(place, key, kept, most)
        return None

    def _is_repeated(self, place: int, key: str) -> bool:
        if key in self._repeats:
            self._repeats[key].append(place)
            return True
        if _half(key) in self._answered and (kept := self._replies.get(key)) is not None:
            self._repeat(place, kept)
            return True
        return False

    def _settle(self, place: int, key: str, reply: Reply, most: Tokens) -> None:
        self._gate.settle(most, Tokens(reply.prompt_tokens, reply.completion_tokens))
        self._hand_on(place, reply)
        self._answered.add(_half(key))
        for repeat in self._repeats.pop(key):
            self._repeat(repeat, reply)

    def _hand_on(self, place: int, reply: Reply) -> None:
        self._usage.add(reply)
        self._use(place, reply)
        self._progress.advance(note=f"{self._usage.tokens.total} tokens")

    def _repeat(self, place: int, reply: Reply) -> None:
        self._usage.repeated += 1
        self._use(place, replace(reply, cached=True))
        self._progress.advance()


def _half(key: str) -> bytes:
    """As much of a digest as tells billions of requests apart."""
    return bytes.fromhex(key[:32])
