"""Rows that share a context stay true: an answer has its oracle, a refusal has no answer."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.raft.candidate import Candidate
from sfta.raft.contexts import Context, holds_answer
from sfta.raft.corpus import CorpusChunk
from sfta.raft.sharing import Placed, share_contexts

PARTS = ["pump", "valve", "filter", "cooler", "motor", "belt", "gauge", "tank"]


def chunk(number):
    part = PARTS[number % len(PARTS)]
    return CorpusChunk(
        id=f"c{number}",
        document_id=f"d{number % 2}",
        title="Manual",
        page=number + 1,
        start=0,
        end=40,
        heading=f"{number} The {part}",
        text=f"The {part} number {number} weighs {number + 10} kg.",
    )


CHUNKS = {f"c{n}": chunk(n) for n in range(8)}


def candidate(number, style=0):
    part = PARTS[number % len(PARTS)]
    return Candidate(
        question=f"How heavy is {part} {number}?" if style == 0 else f"{part} {number} mass",
        kind="mass",
        chunk_id=f"c{number}",
        quote=f"The {part} number {number} weighs {number + 10} kg.",
        answer=f"{number + 10} kg",
        teacher="extractive",
    )


def placed(number, ids, *, present=True, style=0, split="train"):
    oracle = f"c{number}" if present else None
    sources = tuple("oracle" if f"c{i}" == oracle else "hard" for i in ids)
    context = Context(tuple(f"c{i}" for i in ids), oracle, sources)
    return Placed(candidate(number, style), context, split)


def test_a_guest_takes_the_context_that_holds_its_oracle():
    rows = [placed(0, [0, 1, 2, 3]), placed(1, [2, 1, 0, 7]), placed(2, [0, 4, 1, 2])]
    shared = share_contexts(rows, CHUNKS, most=4, seed=0)
    contexts = Counter(p.context.chunk_ids for p in shared)
    assert max(contexts.values()) >= 2
    for before, after in zip(rows, shared, strict=True):
        assert after.candidate == before.candidate
        assert after.context.oracle == before.context.oracle
        assert after.context.oracle in after.context.chunk_ids


def test_the_roles_of_a_shared_context_are_those_of_each_row():
    rows = [placed(0, [0, 1, 2, 3]), placed(1, [0, 1, 2, 3])]
    for item in share_contexts(rows, CHUNKS, most=4, seed=0):
        at = item.context.chunk_ids.index(item.context.oracle)
        assert item.context.sources[at] == "oracle"
        assert item.context.sources.count("oracle") == 1


def test_a_refusal_never_gets_its_oracle_or_its_answer_back():
    rows = [placed(0, [0, 1, 2, 3]), placed(0, [1, 2, 3, 4], present=False)]
    shared = share_contexts(rows, CHUNKS, most=4, seed=0)
    assert shared[1].context.chunk_ids == (*rows[1].context.chunk_ids,)


def test_a_refusal_stays_on_topic():
    far = placed(7, [4, 5, 6, 0], present=False)
    near = placed(6, [0, 1, 4, 5], present=False)
    anchor = placed(0, [0, 1, 2, 3])
    shared = share_contexts([anchor, far, near], CHUNKS, most=6, seed=1)
    for before, after in zip((anchor, far, near), shared, strict=True):
        common = set(before.context.chunk_ids) & set(after.context.chunk_ids)
        assert after.context.oracle is not None or len(common) >= 2


def test_splits_never_share():
    rows = [placed(n, [0, 1, 2, 3], split=s) for n, s in enumerate(["train", "test"] * 2)]
    shared = share_contexts(rows, CHUNKS, most=6, seed=0)
    assert [p.split for p in shared] == [p.split for p in rows]


def test_one_row_per_context_leaves_everything_as_it_is():
    rows = [placed(n, [n, (n + 1) % 8, (n + 2) % 8, (n + 3) % 8]) for n in range(8)]
    assert share_contexts(rows, CHUNKS, most=1, seed=0) == rows


@st.composite
def row_sets(draw):
    keys = draw(
        st.lists(
            st.tuples(st.integers(0, 7), st.booleans(), st.integers(0, 1)),
            min_size=1,
            max_size=14,
            unique=True,
        )
    )
    rows = []
    for number, present, style in keys:
        others = draw(st.permutations([n for n in range(8) if n != number]))
        ids = [*([number] if present else []), *others][:4]
        rows.append(placed(number, draw(st.permutations(ids)), present=present, style=style))
    return rows


@given(row_sets(), st.integers(1, 6), st.integers(0, 5))
def test_every_row_stays_and_stays_true(rows, most, seed):
    shared = share_contexts(rows, CHUNKS, most=most, seed=seed)
    assert [p.key for p in shared] == [p.key for p in rows]
    for item in shared:
        ids = set(item.context.chunk_ids)
        assert len(ids) == 4
        if item.context.oracle:
            assert item.candidate.chunk_id in ids
        else:
            assert not any(holds_answer(CHUNKS[c], item.candidate) for c in ids)
    assert shared == share_contexts(rows, CHUNKS, most=most, seed=seed)


@pytest.mark.parametrize("most", [2, 3, 6])
def test_a_context_is_not_shared_by_more_rows_than_allowed(most):
    rows = [placed(n % 4, [0, 1, 2, 3], style=n // 4) for n in range(8)]
    # All eight ask the same four chunks: what they own already is not counted as shared.
    moved = [
        after
        for before, after in zip(
            rows, share_contexts(rows, CHUNKS, most=most, seed=0), strict=True
        )
        if after.context.chunk_ids != before.context.chunk_ids
    ]
    assert moved == []
