"""What touches the native context: pieces of prompts, batches of tokens, snapshots.

Pieces are computed by themselves and not in one batch with the tokens that others write: a piece
then has the same shape whoever else is there, so what stays in memory does not depend on the
company, and a piece that nobody wants can be stopped without harm to others.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sfta_edge.batching.abort import AbortSwitch
from sfta_edge.batching.comparing import Comparison
from sfta_edge.batching.memory import Slot, SlotMemory
from sfta_edge.batching.sharing import ThreadChoice
from sfta_edge.batching.snapshots import Snapshots
from sfta_edge.batching.tasks import Task
from sfta_edge.context import AbortedError, Context, Entry
from sfta_edge.scoring import SCORED

_WARM_TOKENS = 32  # from which `ThreadChoice` can tell what pieces and groups take
_SMALLEST_SNAPSHOT = 16  # tokens; fewer are computed as fast as a file is read


class Computation:
    """One context at work. For one thread."""

    def __init__(
        self,
        context: Context,
        memory: SlotMemory,
        choice: ThreadChoice,
        *,
        beside: int,
        adapters: Mapping[str, Any],
        snapshots: Snapshots | None,
    ) -> None:
        """Take over a context whose sequences from `beside` on are for texts compared."""
        self.context, self.memory, self.choice = context, memory, choice
        self._adapters, self._snapshots = adapters, snapshots
        self._switch = AbortSwitch(context)
        size = min(SCORED, context.shape.batch)
        self.comparison = Comparison(context, self, beside, size)
        self._adapter: str | None = None
        self.abandoned = False
        """Set by another thread: pieces are not wanted any more, whosever they are."""
        self.prompt_tokens = self.restored_tokens = 0
        """Computed so far, and read from files."""

    def warm_up(self) -> None:
        """Touch all weights, and learn what one thread takes, before the first prompt comes.

        Raises:
            SftaError: llama.cpp failed.
        """
        count = min(_WARM_TOKENS, self.context.shape.batch, self.context.shape.tokens)
        self.alone([Entry(0, place, wanted=place == count - 1) for place in range(count)])
        self.context.forget(0)

    def begin(self, task: Task) -> None:
        """Put what a file knows of the prompt's first segment into the task's empty slot."""
        slot, first = task.held, self._prefix(task)
        if self._snapshots is None or not first or slot.blocks:
            return
        state = self._snapshots.load(task.limits.adapter, task.segments[0])
        if state is None:
            return
        context, length = self.context, len(task.segments[0])
        restored = context.restore(slot.sequence, state)
        if not restored or context.length(slot.sequence) != length:
            context.forget(0, slot.sequence)
            self._snapshots.discard(task.limits.adapter, task.segments[0])
            return
        for piece in task.pieces[:first]:
            self.memory.add(slot, piece)
        self.restored_tokens += length
        task.reused = length

    def read(self, task: Task) -> int:
        """Compute the next piece of a prompt; the row of its last token's logits.

        Raises:
            AbortedError: the task has ended in between.
            SftaError: llama.cpp failed.
        """
        slot = task.held
        piece, position = task.pieces[len(slot.blocks)], slot.held
        last = len(piece) - 1
        entries = [
            Entry(token, position + i, slot.sequence, wanted=i == last)
            for i, token in enumerate(piece)
        ]
        self._use(task.limits.adapter)
        self._run(entries, lambda: self.abandoned or task.interruption() is not None)
        self.memory.add(slot, piece)
        self.prompt_tokens += len(piece)
        self._keep_prefix(task, slot)
        return last

    def write(self, entries: Sequence[Entry], adapter: str | None) -> None:
        """Compute the next tokens of several texts.

        Raises:
            SftaError: llama.cpp failed.
        """
        self._use(adapter)
        self._run(entries, _wanted)

    def use(self, task: Task) -> None:
        """Compute as a task wants it; for `comparison`."""
        self._use(task.limits.adapter)

    def close(self) -> None:
        """Free the context."""
        self._switch.close()
        self.context.close()
        if self._snapshots is not None:
            self._snapshots.close()

    def together(self, entries: Sequence[Entry]) -> None:
        """Compute with as many threads as it pays to share between.

        Raises:
            AbortedError: it took too long; nothing of these tokens is in their first sequences.
            SftaError: llama.cpp failed.
        """
        self._shared(entries, self.choice.threads(len(entries)), _wanted)

    def alone(self, entries: Sequence[Entry]) -> None:
        """Compute with one thread, however long it takes; raises as `write`."""
        self._timed(entries, 1)

    def _run(self, entries: Sequence[Entry], unwanted: Callable[[], bool]) -> None:
        threads = self.choice.threads(len(entries))
        if threads > 1:
            try:
                self._shared(entries, threads, unwanted)
            except AbortedError:
                if unwanted():
                    raise
            else:
                return
        if unwanted is _wanted:
            self._timed(entries, 1)
            return
        with self._switch.watching(unwanted):
            self._timed(entries, 1)

    def _shared(
        self, entries: Sequence[Entry], threads: int, unwanted: Callable[[], bool]
    ) -> None:
        if threads == 1:
            self._timed(entries, 1)
            return
        end = time.monotonic() + self.choice.patience(len(entries))
        try:
            with self._switch.watching(lambda: time.monotonic() > end or unwanted()):
                self._timed(entries, threads)
        except AbortedError:
            self.choice.give_up()
            raise

    def _timed(self, entries: Sequence[Entry], threads: int) -> None:
        self.context.use_threads(threads)
        began = time.monotonic()
        self.context.decode(entries)
        self.choice.record(len(entries), threads, time.monotonic() - began)

    def _use(self, adapter: str | None) -> None:
        if adapter != self._adapter:
            self.context.use_adapter(None if adapter is None else self._adapters[adapter])
            self._adapter = adapter

    def _prefix(self, task: Task) -> int:
        """Pieces of the prompt's first segment; 0 if it is not worth a file."""
        length = len(task.segments[0])
        if len(task.segments) == 1 or length < _SMALLEST_SNAPSHOT:
            return 0
        count = 0
        while length > 0:
            length -= len(task.pieces[count])
            count += 1
        return count

    def _keep_prefix(self, task: Task, slot: Slot) -> None:
        if self._snapshots is None or len(slot.blocks) != self._prefix(task):
            return
        adapter, tokens = task.limits.adapter, task.segments[0]
        if self._snapshots.wants(adapter, tokens):
            self._snapshots.save(adapter, tokens, self.context.state(slot.sequence))


def _wanted() -> bool:
    """What several wait for is not unwanted."""
    return False
