"""The caller's side: to wait for one's turn, and hear what the task says."""

from collections.abc import Callable, Generator
from queue import Empty

from sfta_edge.batching.tasks import Done, Event, Failed, Task, Text
from sfta_edge.batching.waiting import WaitingRoom
from sfta_edge.generation import Generation, Scored

OnPlace = Callable[[int], None]
"""Called with how many are served before, whenever that changes."""

_LOOK_EVERY = 0.05  # seconds; how soon one who waits notices that nobody wants it any more


def followed(
    room: WaitingRoom, task: Task, on_place: OnPlace | None
) -> Generator[str, None, Generation | Scored]:
    """Let a task wait, give the text it says, and return its result.

    Closing the generator cancels the task. Deadline and cancellation hold while it waits, too.

    Raises:
        BusyError, EngineStoppedError: as `WaitingRoom.enter`.
        BaseException: what the task failed with.
    """
    try:
        room.enter(task)
        while True:
            event = _next_event(room, task)
            if isinstance(event, Text):
                yield event.text
            elif isinstance(event, Done):
                return event.result
            elif isinstance(event, Failed):
                raise event.error
            elif on_place is not None:
                on_place(event.waiting)
    finally:
        task.left = True
        # One that got its slot belongs to the engine, which sees that nobody listens.
        if task.slot is None and (room.withdraw(task) or task.place < 0):
            task.close()


def _next_event(room: WaitingRoom, task: Task) -> Event:
    while True:
        try:
            return task.events.get(timeout=_LOOK_EVERY)
        except Empty:
            reason = task.interruption()
            if reason and room.withdraw(task):
                task.close()
                return Done(task.interrupted(reason))
