"""Choosing rows evenly: no kind, section, chunk or wording crowds the others out."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Sequence

from sfta.raft.candidate import Candidate, Rejected

_WEIGHTS = {"fact": 10.0, "chunk": 0.5, "template": 0.25, "kind": 0.1, "answer": 0.1,
            "group": 0.01}  # fmt: skip


def choose_evenly(
    candidates: Sequence[Candidate],
    count: int | None,
    *,
    max_uses_per_template: int,
    group_of: Callable[[Candidate], str],
    seed: int,
) -> tuple[list[Candidate], list[Rejected]]:
    """The `count` candidates that spread best; all that are allowed when `count` is None.

    Each round takes the candidate whose fact, chunk, kind, group and wording have been used
    least so far; ties fall by a seeded hash. A wording that has reached its limit is closed.
    """
    uses: Counter[tuple[str, str]] = Counter()
    order = sorted(candidates, key=lambda c: (_hash(seed, c.id), c.id))
    heap = [(0.0, place) for place in range(len(order))]
    chosen: list[Candidate] = []
    lost: list[Rejected] = []
    while heap:
        known, place = heapq.heappop(heap)
        candidate = order[place]
        marks = _marks(candidate, group_of(candidate))
        if candidate.template and uses["template", candidate.template] >= max_uses_per_template:
            lost.append(Rejected(candidate, "wording used up"))
        elif count is not None and len(chosen) >= count:
            lost.append(Rejected(candidate, "not needed"))
        elif (crowding := _crowding(marks, uses)) > known:
            # Crowding only grows, so the top of the heap is best once its figure is fresh.
            heapq.heappush(heap, (crowding, place))
        else:
            chosen.append(candidate)
            uses.update(marks)
    return chosen, lost


def _marks(candidate: Candidate, group: str) -> list[tuple[str, str]]:
    marks = [("fact", candidate.fact), ("chunk", candidate.chunk_id), ("kind", candidate.kind),
             ("group", group), ("template", candidate.template),
             ("answer", candidate.answer)]  # fmt: skip
    return [mark for mark in marks if mark[1]]


def _crowding(marks: Sequence[tuple[str, str]], uses: Counter[tuple[str, str]]) -> float:
    """How much of the same is there already; facts weigh most, groups least."""
    return sum(_WEIGHTS[mark[0]] * uses[mark] for mark in marks)


def _hash(seed: int, identity: str) -> str:
    return hashlib.sha256(f"{seed}/{identity}".encode()).hexdigest()
