"""Laws of chunks: every page can be rebuilt, the limit holds, the same gives the same."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunked_pages import assert_laws, count, page, rebuilt, table
from sfta.documents.chunking import chunk_pages
from sfta.documents.config import ChunkConfig
from sfta.documents.document import Page

STRATEGIES = ["structure", "sentence", "fixed"]


WORDS = st.sampled_from(
    ["oil", "Valve", "4.2", "bar.", "E-101", "(see", "x)", "end.", "|", "w" * 30]
)
LINES = st.lists(WORDS, min_size=1, max_size=30).map(" ".join)


@st.composite
def documents(draw):
    pages = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        made = []
        for _ in range(draw(st.integers(0, 6))):
            kind = draw(
                st.sampled_from(["heading", "paragraph", "list", "table", "caption", "code"])
            )
            if kind == "table":
                made.append((kind, table(draw(st.integers(0, 12)))))
            elif kind == "heading":
                made.append((kind, draw(LINES), draw(st.integers(1, 5))))
            else:
                rows = draw(st.lists(LINES, min_size=1, max_size=8))
                made.append((kind, "\n".join(rows) if kind in ("list", "code") else rows[0]))
        pages.append(page(*made, number=number))
    return pages


@settings(max_examples=60, deadline=None)
@given(documents(), st.sampled_from(STRATEGIES), st.integers(16, 80), st.integers(0, 16))
def test_chunks_rebuild_every_page_and_keep_the_limit(pages, strategy, most, least):
    config = ChunkConfig(strategy=strategy, max_tokens=most, min_tokens=least)
    found = chunk_pages(pages, count, config)
    assert_laws(pages, found, most)
    assert [c.page for c in found] == sorted(c.page for c in found)


@settings(max_examples=30, deadline=None)
@given(documents(), st.sampled_from(STRATEGIES))
def test_overlapping_chunks_hold_all_text_and_keep_the_limit(pages, strategy):
    config = ChunkConfig(strategy=strategy, max_tokens=40, min_tokens=5, overlap_tokens=12)
    found = chunk_pages(pages, count, config)
    for p in pages:
        shown = {i for c in found if c.page == p.number for i in range(c.start, c.end)}
        assert all(i in shown for i, char in enumerate(p.text) if not char.isspace())
    assert all(c.tokens == count(c.text) <= 40 for c in found)


@settings(max_examples=60, deadline=None)
@given(
    documents(), st.sampled_from(STRATEGIES), st.integers(0, 20), st.sampled_from([40, 64, 90])
)
def test_pages_are_rebuilt_exactly_from_their_chunks(pages, strategy, overlap, most):
    config = ChunkConfig(
        strategy=strategy, max_tokens=most, min_tokens=5, overlap_tokens=overlap
    )
    found = chunk_pages(pages, count, config)
    for p in pages:
        own = [c for c in found if c.page == p.number]
        gaps = "".join(p.text[a.end : b.start] for a, b in pairwise(own) if a.end < b.start)
        assert not gaps.strip(), "only spaces lie between chunks"
        assert rebuilt(p.text, own) == p.text
        assert [c.start for c in own] == sorted(c.start for c in own)
        assert [c.end for c in own] == sorted(c.end for c in own)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300), st.sampled_from(STRATEGIES))
def test_any_text_without_blocks_is_cut_by_the_same_laws(text, strategy):
    pages = [Page(1, text)]
    found = chunk_pages(
        pages, count, ChunkConfig(strategy=strategy, max_tokens=16, min_tokens=4)
    )
    assert_laws(pages, found, 16)


@given(documents())
@settings(max_examples=20, deadline=None)
def test_the_same_pages_give_the_same_chunks(pages):
    config = ChunkConfig(max_tokens=40, min_tokens=8)
    assert chunk_pages(pages, count, config) == chunk_pages(pages, count, config)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"max_tokens": 20, "min_tokens": 30}, "min_tokens must not exceed max_tokens"),
        ({"max_tokens": 20, "min_tokens": 5, "overlap_tokens": 11}, "half of max_tokens"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        ChunkConfig(**settings_)
