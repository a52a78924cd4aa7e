"""Chunks with their neighbours: whole stretches of a document, each chunk once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permitted_worlds import World, write_world
from sfta_edge.caller import View
from sfta_edge.errors import IntegrityError
from sfta_edge.neighbours import neighbours
from sfta_edge.retriever import Retriever

LONG = World([(0, "", "", ["oil pump"] * 8), (1, "service", "", ["motor", "valve", "filter"])])


@pytest.fixture(name="source", scope="module")
def _source(tmp_path_factory):
    with Retriever(write_world(LONG, tmp_path_factory.mktemp("long"))) as retriever:
        yield retriever


def around(source, names, count):
    found = neighbours(source, [source.chunk(f"c{name}") for name in names], count)
    return [chunk.id[1:] for chunk in found]


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [
        (["0-4"], 1, ["0-3", "0-4", "0-5"]),
        (["0-0"], 2, ["0-0", "0-1", "0-2"]),
        (["0-7"], 2, ["0-5", "0-6", "0-7"]),
        (["0-4"], 0, ["0-4"]),
        (["1-1"], 9, ["1-0", "1-1", "1-2"]),
        (["0-5", "0-3"], 1, ["0-2", "0-3", "0-4", "0-5", "0-6"]),
        (["0-5", "0-2"], 1, ["0-1", "0-2", "0-3", "0-4", "0-5", "0-6"]),
        (["0-7", "0-0"], 1, ["0-6", "0-7", "0-0", "0-1"]),
        (["0-7", "1-0", "0-1"], 1, ["0-6", "0-7", "1-0", "1-1", "0-0", "0-1", "0-2"]),
        (["0-0", "0-6", "0-3"], 1, [f"0-{place}" for place in range(8)]),
        (["0-2", "0-2"], 0, ["0-2"]),
        ([], 1, []),
    ],
)
def test_stretches_are_whole_and_in_order(source, names, count, expected):
    assert around(source, names, count) == expected


@given(st.lists(st.integers(0, 7), min_size=1, max_size=8), st.integers(0, 9))
def test_every_chunk_is_there_once_with_its_neighbours(source, places, count):
    found = around(source, [f"0-{place}" for place in places], count)
    wanted = {n for place in places for n in range(place - count, place + count + 1)}
    assert sorted(found) == [f"0-{place}" for place in sorted(wanted) if 0 <= place <= 7]


def test_a_neighbour_of_a_document_the_view_may_not_see_is_not_given(source):
    chunk = source.chunk("c1-1")
    with pytest.raises(IntegrityError, match="no chunk c1-1"):
        neighbours(source, [chunk], 1, View(frozenset({"sales"})))
