"""Lanes: workers side by side, each with a thread of its own and a share of the work."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

Lane = TypeVar("Lane")
Case = TypeVar("Case")
Found = TypeVar("Found")


def in_shares(
    count: int, work: Callable[[int, Sequence[Case]], Sequence[Found]], cases: Sequence[Case]
) -> list[Found]:
    """Results in the order of the cases, of which each of `count` lanes does a stretch.

    Neighbours stay together: what they begin with alike is computed once. `work` gets the number
    of a lane and its share, and gives a result for each case of it. Which lane does a case depends
    on the cases alone. The first error ends all.
    """
    ends = [len(cases) * number // count for number in range(count + 1)]
    shares = [cases[start:end] for start, end in pairwise(ends)]
    with ThreadPoolExecutor(count) as pool:
        return [found for share in pool.map(work, range(count), shares) for found in share]


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
