"""The engine's thread: it alone uses the context, and serves all tasks in small steps.

A step is one piece of a prompt, one group of compared texts, or one batch with the next token of
every text that is being written. While prompts are read and texts written, both take turns, so that
neither a long prompt nor many writers stop the others.
"""

import itertools
import logging

from sfta_edge.batching.computing import Computation
from sfta_edge.batching.counters import EngineCounters
from sfta_edge.batching.tasks import Comparing, Done, Failed, Task, Writing
from sfta_edge.batching.waiting import EngineStoppedError, WaitingRoom
from sfta_edge.batching.writing import Writers
from sfta_edge.context import AbortedError
from sfta_edge.errors import SftaError
from sfta_edge.generation import Generation, Scored

log = logging.getLogger("sfta")
_STEPS_PER_PIECE = (
    4  # of writers; one that reads at most a tenth slower, one that writes goes on
)
_OLDEST_EVERY = 4  # pieces; the others go to the prompt that is done soonest


class Loop:
    """Tasks from the waiting room to their end."""

    def __init__(self, computation: Computation, room: WaitingRoom, parallel: int) -> None:
        """`parallel`: tasks at work at once."""
        self._computation, self._room, self._parallel = computation, room, parallel
        self._memory = computation.memory
        self._active: list[Task] = []
        self._writers = Writers(computation, self._finish, self._fail)
        self._turn = itertools.count()
        self._steps_left = 0
        self._reused = self._finished = self._failed = 0

    def run(self) -> None:
        """Serve until the room is closed; whatever goes wrong, everybody who waits is told."""
        try:
            while not self._room.closed:
                self._admit()
                if self._active:
                    self._step()
                else:
                    self._room.wait()
        except BaseException as error:
            log.exception("the engine broke down")
            self._end_all(EngineStoppedError(f"the engine broke down: {error}", hint=_RESTART))
        else:
            self._end_all(EngineStoppedError("the engine has been closed"))

    def counters(self) -> EngineCounters:
        """A look from outside; single figures may be a step apart."""
        computation, writers = self._computation, self._writers
        return EngineCounters(
            prompt_tokens=computation.prompt_tokens,
            reused_tokens=self._reused,
            restored_tokens=computation.restored_tokens,
            decoded_tokens=writers.decoded,
            proposed_tokens=writers.proposed,
            accepted_tokens=writers.accepted,
            running=len(self._active),
            waiting=len(self._room),
            used_cells=self._memory.used,
            evictions=self._memory.evictions,
            finished=self._finished,
            failed=self._failed,
        )

    def _admit(self) -> None:
        """Give slots to those whose turn it is, as long as there is room."""
        while len(self._active) < self._parallel:
            task = self._room.first()
            if task is None:
                return
            slot = self._memory.take(task.pieces, task.limits.adapter, task.room)
            if slot is None:
                return
            if not self._room.serve(task):
                self._memory.release(slot)
                continue
            task.start(slot)
            self._active.append(task)
            self._computation.begin(task)
            self._reused += task.reused

    def _step(self) -> None:
        for task in list(self._active):
            if reason := task.interruption():
                self._finish(task, task.interrupted(reason))
        writing = [task for task in self._active if isinstance(task, Writing) and task.read]
        others = [task for task in self._active if task not in writing]
        if others and (not writing or self._steps_left <= 0):
            self._steps_left = _STEPS_PER_PIECE
            self._prepare(self._next(others))
        elif writing:
            self._steps_left -= 1
            self._writers.step(writing)

    def _next(self, tasks: list[Task]) -> Task:
        """Whose piece is computed: mostly of the prompt that is done soonest."""
        if next(self._turn) % _OLDEST_EVERY == 0:
            return tasks[0]
        return min(tasks, key=lambda task: task.count - task.held.held)

    def _prepare(self, task: Task) -> None:
        """A piece of a prompt, or a group of compared texts."""
        row = 0
        try:
            if not task.read:
                row = self._computation.read(task)
                if not task.read:
                    return
                if isinstance(task, Writing):
                    self._writers.begin(task, row)
                    return
            assert isinstance(task, Comparing)
            self._compare(task, row)
        except AbortedError:
            return  # the task has ended; the next step sees why
        except Exception as error:  # noqa: BLE001 of this task: its model, grammar or stop function
            self._fail(task, error)

    def _compare(self, task: Comparing, row: int) -> None:
        """The start after the prompt first, then a group at each step."""
        comparison = self._computation.comparison
        if task.first is None:
            task.first = comparison.probabilities(row)
        else:
            self._computation.use(task)
            group = next(task.groups)
            slot = task.held
            task.known |= comparison.scores(group, slot.sequence, task.count, task.first)
        if task.complete:
            self._room.expect(task.limits.caller, task.pieces)
            self._finish(task, task.finished())

    def _finish(self, task: Task, result: Generation | Scored) -> None:
        self._active.remove(task)
        self._memory.release(task.held)
        self._finished += 1
        task.close()
        task.events.put(Done(result))

    def _fail(self, task: Task, error: BaseException) -> None:
        self._active.remove(task)
        # What led to an error is not kept for the next one.
        self._memory.release(task.held)
        self._memory.drop(task.held)
        self._failed += 1
        task.close()
        task.events.put(Failed(error))

    def _end_all(self, why: SftaError) -> None:
        self._room.close(why)
        for task in self._active:
            task.close()
            task.events.put(Failed(EngineStoppedError(str(why), hint=why.hint)))
        self._active.clear()


_RESTART = "Start the service again; if it happens again, check the bundle."
