"""The room where tasks wait for a slot; callers put them in, the engine's thread takes them out."""

import threading
from collections.abc import Sequence

from sfta_edge.batching.memory import Piece
from sfta_edge.batching.tasks import Failed, Task
from sfta_edge.batching.turns import TurnQueue
from sfta_edge.errors import SftaError
from sfta_edge.generation import EngineDownError

_MOST_EXPECTED = 256


class EngineStoppedError(EngineDownError):
    """The engine is closed, or it broke down: nothing can be asked any more."""


class WaitingRoom:
    """Tasks in the order of their turns. Threads may share it."""

    def __init__(self, most: int) -> None:
        """`most`: how many may wait."""
        self._queue: TurnQueue[Task] = TurnQueue(most)
        self._changed = threading.Condition()
        self._expected: dict[tuple[str, tuple[Piece, ...]], None] = {}
        self._why: SftaError | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def enter(self, task: Task) -> None:
        """Wait for a slot.

        Raises:
            BusyError: too many wait.
            EngineStoppedError: nothing is served any more.
        """
        with self._changed:
            if self._why is not None:
                raise EngineStoppedError(str(self._why), hint=self._why.hint)
            expected = (task.limits.caller, task.pieces[:-1])
            goes_on = expected in self._expected
            cost = task.room if goes_on else task.count + task.room
            self._queue.push(task, task.limits.caller, cost, ahead=goes_on)
            self._expected.pop(expected, None)
            self._tell()
            self._changed.notify_all()

    def expect(self, caller: str, pieces: Sequence[Piece]) -> None:
        """A caller who compared texts will write after the same prompt: that task goes first.

        Both are one question, and what it has read is still in memory. It holds once, for the
        prompt with one more piece: the beginning of the answer.
        """
        with self._changed:
            if len(self._expected) >= _MOST_EXPECTED:
                self._expected.pop(next(iter(self._expected)))
            self._expected[caller, tuple(pieces)] = None

    def first(self) -> Task | None:
        """Whose turn is next; it stays."""
        with self._changed:
            return self._queue.first()

    def serve(self, task: Task) -> bool:
        """Take out the task whose turn has come; False if its caller took it back."""
        with self._changed:
            served = self._queue.serve(task)
            self._tell()
            return served

    def withdraw(self, task: Task) -> bool:
        """Take a task back; False if it does not wait any more."""
        with self._changed:
            withdrawn = self._queue.withdraw(task)
            if withdrawn:
                self._tell()
            return withdrawn

    def wait(self) -> None:
        """Until something waits, or nothing will."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._queue) or self._why is not None)

    def close(self, why: SftaError) -> None:
        """Let nobody in any more, and say so to all who wait."""
        with self._changed:
            if self._why is None:
                self._why = why
            for task in self._queue.order():
                self._queue.withdraw(task)
                task.events.put(Failed(EngineStoppedError(str(why), hint=why.hint)))
                task.close()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing is served any more."""
        return self._why is not None

    def _tell(self) -> None:
        for place, task in enumerate(self._queue.order()):
            task.tell_place(place)
