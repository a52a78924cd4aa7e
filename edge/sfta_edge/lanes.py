"""Lanes: workers side by side, each with a thread of its own and a share of the work."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Lane = TypeVar("Lane")
Case = TypeVar("Case")
Found = TypeVar("Found")


def in_shares(
    count: int, work: Callable[[int, Sequence[Case]], Sequence[Found]], cases: Sequence[Case]
) -> list[Found]:
    """Results in the order of the cases, which are dealt out to `count` lanes like cards.

    `work` gets the number of a lane and its share, and gives a result for each case of it.
    Which lane does a case depends on the cases alone. The first error ends all.
    """
    shares = [cases[first::count] for first in range(count)]
    with ThreadPoolExecutor(count) as pool:
        dealt = list(pool.map(work, range(count), shares))
    return [dealt[i % count][i // count] for i in range(len(cases))]


def in_lanes(
    lanes: Sequence[Lane],
    work: Callable[[Lane, Case], Found],
    cases: Sequence[Case],
    *,
    on_done: Callable[[], None] | None = None,
) -> list[Found]:
    """`in_shares` with an engine, or whatever else a lane is, for each share.

    `on_done` is called after each case, by the thread of its lane.
    """

    def finish(number: int, share: Sequence[Case]) -> list[Found]:
        found = []
        for case in share:
            found.append(work(lanes[number], case))
            if on_done is not None:
                on_done()
        return found

    return in_shares(len(lanes), finish, cases)
