"""Lanes: workers side by side, each with a thread and an engine of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Lane = TypeVar("Lane")
Case = TypeVar("Case")
Found = TypeVar("Found")


def in_lanes(
    lanes: Sequence[Lane],
    work: Callable[[Lane, Case], Found],
    cases: Sequence[Case],
    *,
    on_done: Callable[[], None] | None = None,
) -> list[Found]:
    """Results in the order of the cases, which are dealt out to the lanes like cards.

    Which lane does a case depends on the cases alone. `on_done` is called after each, by the
    thread of its lane. The first error ends all.
    """

    def finish(first: int) -> list[Found]:
        found = []
        for case in cases[first :: len(lanes)]:
            found.append(work(lanes[first], case))
            if on_done is not None:
                on_done()
        return found

    with ThreadPoolExecutor(len(lanes)) as pool:
        dealt = list(pool.map(finish, range(len(lanes))))
    return [dealt[i % len(lanes)][i // len(lanes)] for i in range(len(cases))]
