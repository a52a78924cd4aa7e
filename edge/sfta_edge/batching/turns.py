"""Whose turn it is: callers take turns by the work they ask for.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): everything that waits is marked with
the virtual time at which it would start if its caller were served alone, and the lowest mark goes
first. Time passes with the work that is served, divided by those who share it.

Rules this module upholds:

- What one caller asks for is served in the order in which it came.
- The work done for two callers that both wait all the time differs by no more than the largest
  item of each. Who was away gathers no right to catch up, and a crowd of new callers keeps nobody
  waiting for ever.
- The room is bounded, and its last quarter is kept for callers who have nothing waiting: one
  caller cannot fill it.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from sfta_edge.errors import SftaError

Item = TypeVar("Item")
_AHEAD = -1.0


class BusyError(SftaError):
    """Too many wait already."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} questions are waiting already", hint="Ask again later.")
        self.waiting = waiting
        """How many would be served before."""


@dataclass(slots=True)
class _Entry(Generic[Item]):
    item: Item
    caller: str
    cost: float
    mark: float
    number: int

    @property
    def rank(self) -> tuple[float, int]:
        return self.mark, self.number


class TurnQueue(Generic[Item]):
    """A bounded queue in which callers take turns. Not safe for two threads at once."""

    def __init__(self, most: int) -> None:
        """`most`: how many may wait, at least 1."""
        self._most = most
        self._entries: list[_Entry[Item]] = []
        self._finish: dict[str, float] = {}
        self._now = 0.0
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, item: Item, caller: str, cost: float, *, ahead: bool = False) -> None:
        """Let an item wait.

        Args:
            item: what is served.
            caller: who pays for it.
            cost: how much work it is, more than 0.
            ahead: served before all others, since it ends what has been begun; it is paid for.

        Raises:
            BusyError: there is no place left for this caller; nothing changed.
        """
        kept = self._most // 4 if any(e.caller == caller for e in self._entries) else 0
        if len(self._entries) >= max(1, self._most - kept):
            raise BusyError(len(self._entries))
        start = max(self._now, self._finish.get(caller, 0.0))
        self._finish[caller] = start + cost
        self._count += 1
        mark = _AHEAD if ahead else start
        self._entries.append(_Entry(item, caller, cost, mark, self._count))

    def first(self) -> Item | None:
        """What is served next; it stays."""
        return min(self._entries, key=lambda e: e.rank).item if self._entries else None

    def serve(self, item: Item) -> bool:
        """Take an item out because its turn has come; False if it no longer waits."""
        entry = self._taken(item)
        if entry is None:
            return False
        waiting = {e.caller for e in self._entries}
        # Time goes on for all who wait, so that new callers, however many, end up behind them.
        shares = len(waiting | {entry.caller})
        self._now = max(self._now, entry.mark) + entry.cost / shares
        self._finish = {
            caller: time
            for caller, time in self._finish.items()
            if time > self._now or caller in waiting
        }
        return True

    def withdraw(self, item: Item) -> bool:
        """Take an item out that nobody wants any more, unpaid; False if it no longer waits."""
        entry = self._taken(item)
        if entry is None:
            return False
        for other in self._entries:
            if other.caller == entry.caller and other.rank > entry.rank:
                other.mark = min(other.mark, max(self._now, other.mark - entry.cost))
        self._finish[entry.caller] = max(self._now, self._finish[entry.caller] - entry.cost)
        return True

    def order(self) -> list[Item]:
        """Everything that waits, first served first, if nothing else comes."""
        return [entry.item for entry in sorted(self._entries, key=lambda e: e.rank)]

    def _taken(self, item: Item) -> _Entry[Item] | None:
        for place, entry in enumerate(self._entries):
            if entry.item is item:
                return self._entries.pop(place)
        return None
