"""Which tokens the context's memory holds, for whom, and what has to go when it runs short.

A slot is a sequence of the context with what it knows: a run of prompt pieces, each computed with
the shape and the past that it has in this prompt alone, so that keeping it changes no bit. Slots
whose prompts begin alike share the cells of what they have in common.

Rules this module upholds:

- What a task may need at most is set aside before it starts: a running task never fails for want
  of memory.
- Only slots without a task are emptied, the least recently used first, and only if that is enough.
- Not more prompts stay known than may come again soon: attention passes over the cells of all, so
  that 2,000 tokens of old prompts made a new one of 512 be read a third slower.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Piece = tuple[int, ...]


class Sequences(Protocol):
    """What holds the tokens; `context.Context` is one."""

    def forget(self, position: int, sequence: int = 0) -> bool: ...
    def continue_as(self, sequence: int, source: int = 0, end: int = -1) -> None: ...


@dataclass(eq=False, slots=True)
class Block:
    """One piece in memory; slots that share it hold the same object."""

    tokens: Piece


@dataclass(eq=False, slots=True)
class Slot:
    """One sequence and what it holds."""

    sequence: int
    blocks: list[Block] = field(default_factory=list)
    adapter: str | None = None
    """What the blocks were computed with."""
    planned: int = 0
    """Cells set aside for what is still to come."""
    busy: bool = False
    used: int = -1
    """When it was last used; -1: never, or it was emptied."""

    @property
    def held(self) -> int:
        """Tokens of all blocks."""
        return sum(len(block.tokens) for block in self.blocks)

    def common(self, pieces: Sequence[Piece], adapter: str | None) -> int:
        """How many leading pieces it holds."""
        if adapter != self.adapter:
            return 0
        count = 0
        for block, piece in zip(self.blocks, pieces, strict=False):
            if block.tokens != piece:
                break
            count += 1
        return count


class SlotMemory:
    """All slots of a context. Not safe for two threads at once."""

    def __init__(
        self, context: Sequences, *, slots: int, cells: int, steps_back: bool = True
    ) -> None:
        """Start empty.

        Args:
            context: holds the tokens, in its sequences 0 to `slots` - 1.
            slots: how many prompts may be known at once.
            cells: tokens that fit in all.
            steps_back: False for a recurrent model: it can only forget all of a sequence.
        """
        self._context, self._cells, self._steps_back = context, cells, steps_back
        self._slots = [Slot(sequence) for sequence in range(slots)]
        self._clock = 0
        self.evictions = 0
        """Slots emptied so far because memory ran short."""

    def take(self, pieces: Sequence[Piece], adapter: str | None, room: int) -> Slot | None:
        """A slot that holds as many of the leading pieces as any; None while there is no room.

        Args:
            pieces: of the prompt. The last is never taken as known: its logits are needed.
            adapter: what they are computed with.
            room: tokens that may come after the prompt.
        """
        idle = [slot for slot in self._slots if not slot.busy]
        if not idle:
            return None
        source, same = self._source(pieces, adapter)
        need = sum(map(len, pieces[same:])) + room
        lasting = [slot.blocks for slot in self._slots if slot.busy]
        if _size([*lasting, source.blocks[:same]]) + self._set_aside() + need > self._cells:
            return None
        slot = self._chosen(idle, pieces, adapter, same)
        self._hold(slot, source, same)
        slot.adapter, slot.busy, slot.planned = adapter, True, need
        self._make_room()
        return slot

    def add(self, slot: Slot, piece: Piece) -> None:
        """A piece of a busy slot's prompt is in memory now."""
        slot.blocks.append(Block(piece))
        slot.planned -= len(piece)

    def release(self, slot: Slot) -> None:
        """A task ended: its prompt stays known, what it wrote is forgotten."""
        slot.busy, slot.planned = False, 0
        self._clock += 1
        slot.used = self._clock
        if not self._context.forget(slot.held, slot.sequence):
            self.drop(slot)

    def drop(self, slot: Slot) -> None:
        """Forget all that a slot holds; a task that has it goes on from nothing."""
        slot.planned += slot.held if slot.busy else 0
        slot.blocks.clear()
        slot.used = -1
        self._context.forget(0, slot.sequence)

    @property
    def used(self) -> int:
        """Cells taken or set aside."""
        return _size(slot.blocks for slot in self._slots) + self._set_aside()

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def _source(self, pieces: Sequence[Piece], adapter: str | None) -> tuple[Slot, int]:
        """The slot that holds most of the leading pieces, and how many."""
        if not self._steps_back:
            return self._slots[0], 0
        known = pieces[:-1]
        best = max(self._slots, key=lambda s: (s.common(known, adapter), -s.sequence))
        return best, best.common(known, adapter)

    def _chosen(
        self, idle: Sequence[Slot], pieces: Sequence[Piece], adapter: str | None, same: int
    ) -> Slot:
        """One that knows this very prompt; else the one whose memory was used longest ago.

        A slot that has only the beginning in common lends it and keeps the rest of its own.
        """
        for slot in idle:
            if 0 < same == slot.common(pieces[:-1], adapter) and len(slot.blocks) <= same + 1:
                return slot
        return min(idle, key=lambda slot: (slot.used, slot.sequence))

    def _hold(self, slot: Slot, source: Slot, same: int) -> None:
        """Let a slot hold the first blocks of another, or of itself, and nothing else."""
        blocks = source.blocks[:same]
        length = _size([blocks])
        if slot is source and same:
            self._context.forget(length, slot.sequence)
        else:
            self._context.forget(0, slot.sequence)
            if same:
                self._context.continue_as(slot.sequence, source.sequence, length)
        slot.blocks = blocks

    def _make_room(self) -> None:
        """Empty slots without a task: all but as many as have one, and more if memory is short.

        Who has compared comes back with the same prompt to write. With so many at work, about as
        many are between the two.
        """
        idle = [slot for slot in self._slots if not slot.busy and slot.blocks]
        idle.sort(key=lambda slot: slot.used)
        kept = sum(slot.busy for slot in self._slots)
        for place, slot in enumerate(idle):
            if len(idle) - place <= kept and self.used <= self._cells:
                return
            self.evictions += self.used > self._cells
            self.drop(slot)

    def _set_aside(self) -> int:
        return sum(slot.planned for slot in self._slots)


def _size(runs: Iterable[Sequence[Block]]) -> int:
    """Cells that blocks take; what is shared is counted once."""
    different = {id(block): len(block.tokens) for blocks in runs for block in blocks}
    return sum(different.values())
