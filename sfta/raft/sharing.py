"""Rows that share a context: the training computes each context once.

Nine tenths of a RAFT row are its context. A few rows that ask about the same chunks, some
answered by them and some not, cost little more than one; and the model sees that it is the
question, not the context, that decides between answering and refusing.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sfta.raft.candidate import Candidate
from sfta.raft.contexts import Context, holds_answer, speaks_of
from sfta.raft.corpus import CorpusChunk

_LEAST_COMMON = 0.5  # share of its own chunks that a row without oracle must find again


@dataclass(frozen=True, slots=True)
class Placed:
    """A candidate with its context, on the way to a row."""

    candidate: Candidate
    context: Context
    split: str
    answered: bool = False
    """Whether the target is the answer although the oracle chunk is missing."""

    @property
    def key(self) -> tuple[str, bool]:
        """A candidate may occur twice: with its oracle and without."""
        return self.candidate.id, self.context.oracle is not None


def share_contexts(
    placed: Sequence[Placed], chunks: Mapping[str, CorpusChunk], *, most: int, seed: int
) -> list[Placed]:
    """Give up to `most` rows of one split the context of one of them.

    A row with its oracle may take a context that holds it and no second chunk with the
    answer; a row without may take one that holds neither its oracle nor its answer and has at
    least half of its own chunks, so that it stays on topic. Rows nobody can take in keep
    their own. The rows stay the same, in the order given.
    """
    if most <= 1:
        return list(placed)
    order = sorted(placed, key=lambda p: p.key)
    random.Random(seed).shuffle(order)
    by_oracle: dict[str, list[Placed]] = {}
    for item in order:
        if item.context.oracle:
            by_oracle.setdefault(item.context.oracle, []).append(item)
    without = [item for item in order if item.context.oracle is None]
    taken: dict[tuple[str, bool], Placed] = {}
    for anchor in order:
        if anchor.key in taken:
            continue
        taken[anchor.key] = anchor
        held = [p for c in anchor.context.chunk_ids for p in by_oracle.get(c, [])]
        guests = [p for p in (*held, *without) if p.key not in taken]
        guests = [p for p in guests if p.split == anchor.split and _may_take(p, anchor, chunks)]
        for guest in _mixed(guests, anchor, most - 1):
            taken[guest.key] = replace(guest, context=_as_seen_by(guest, anchor.context))
    return [taken[item.key] for item in placed]


def _may_take(guest: Placed, anchor: Placed, chunks: Mapping[str, CorpusChunk]) -> bool:
    ids = set(anchor.context.chunk_ids)
    oracles = set(guest.context.oracles)
    if oracles:
        others = ids - oracles
        return oracles <= ids and not any(
            holds_answer(chunks[c], guest.candidate) for c in others
        )
    if ids & set(guest.candidate.oracle_ids):
        return False
    if len(ids & set(guest.context.chunk_ids)) < _LEAST_COMMON * len(ids):
        return False
    return not any(
        holds_answer(chunks[c], guest.candidate) or speaks_of(chunks[c], guest.candidate)
        for c in ids
    )


def _mixed(guests: Sequence[Placed], anchor: Placed, count: int) -> list[Placed]:
    """Guests with other chunks to point at first, and about a third without oracle."""
    answered = [p for p in guests if p.context.oracle is not None]
    refused = [p for p in guests if p.context.oracle is None]
    uses = {anchor.context.oracle: 1}
    chosen: list[Placed] = []
    while answered and len(chosen) < count - min(len(refused), count // 3):
        best = min(range(len(answered)), key=lambda i: uses.get(answered[i].context.oracle, 0))
        guest = answered.pop(best)
        uses[guest.context.oracle] = uses.get(guest.context.oracle, 0) + 1
        chosen.append(guest)
    return chosen + refused[: count - len(chosen)]


def _as_seen_by(guest: Placed, context: Context) -> Context:
    oracles = guest.context.oracles
    sources = tuple(
        "oracle" if chunk_id in oracles else "shared" if source == "oracle" else source
        for chunk_id, source in zip(context.chunk_ids, context.sources, strict=True)
    )
    return Context(context.chunk_ids, guest.context.oracle, sources, guest.context.more_oracles)
