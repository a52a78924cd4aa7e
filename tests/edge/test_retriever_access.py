"""What a caller may not read does not exist: found by no search, named by no method."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from permitted_worlds import (
    World,
    documents,
    same_scores,
    scores_by_hand,
    sentences,
    views,
    worlds,
    write_world,
)
from sfta_edge.caller import EVERYTHING, Caller, View
from sfta_edge.citation import Span
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter
from sfta_edge.neighbours import neighbours
from sfta_edge.retriever import Retriever
from word_retriever import WordEmbedder, ids

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
IN_FILE = 0  # bytes of memory for vectors: every search goes through SQL


@SLOW
@given(worlds, views, sentences, st.integers(1, 9), st.sampled_from([IN_FILE, 1 << 20]))
def test_a_search_finds_the_best_of_what_is_permitted_and_nothing_else(
    world, view, question, top_k, matrix_bytes
):
    with tempfile.TemporaryDirectory() as folder:
        paths = write_world(world, Path(folder))
        with Retriever(paths, WordEmbedder(), matrix_bytes=matrix_bytes) as retriever:
            hits = retriever.search(question, top_k, view)
        expected = scores_by_hand(world, paths, question, view)
        assert set(ids(hits)) <= world.seen(view)
        assert same_scores(hits, expected, top_k)


@SLOW
@given(worlds, views, sentences)
def test_few_candidates_are_still_filled_with_permitted_chunks(world, view, question):
    """A filter after the search would leave gaps where foreign chunks were nearer."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_world(world, Path(folder))
        for room in (IN_FILE, 1 << 20):
            with Retriever(paths, WordEmbedder(), candidates=1, matrix_bytes=room) as retriever:
                found = ids(retriever.search(question, 2, view))
            assert len(found) == min(2, len(world.seen(view)))
            assert set(found) <= world.seen(view)


@SLOW
@given(worlds, views)
def test_no_method_names_what_the_view_may_not_see(world, view):
    seen = world.seen(view)
    with (
        tempfile.TemporaryDirectory() as folder,
        Retriever(write_world(world, Path(folder)), WordEmbedder()) as retriever,
    ):
        for identifier in world.all_ids() - seen:
            _assert_hidden(retriever, identifier, view)
        for identifier in seen:
            chunk = retriever.chunk(identifier, view)
            assert retriever.boxes(identifier, Span(0, 1), view)
            assert chunk.text in retriever.page(chunk.document_id, 1, view).text
            assert {c.id for c in neighbours(retriever, [chunk], 5, view)} <= seen
        listed = {facts.id for facts in retriever.documents(view)}
        held = {f"d{identifier[1:].split('-')[0]}" for identifier in seen}
        bare = {f"d{n}" for n, facts in enumerate(world.documents) if not facts[3]}
        assert listed - bare == held


def _assert_hidden(retriever, identifier, view):
    document = f"d{identifier[1:].split('-')[0]}"
    for call, absent in [
        (lambda name: retriever.chunk(name, view), "c99"),
        (lambda name: retriever.boxes(name, Span(0, 1), view), "c99"),
        (lambda name: retriever.around(name, 1, view), "c99"),
    ]:
        assert _refusal(call, identifier) == _refusal(call, absent).replace(absent, identifier)
    for call in (
        lambda name: retriever.document(name, view),
        lambda name: retriever.page(name, 1, view),
    ):
        assert _refusal(call, document) == _refusal(call, "d99").replace("d99", document)


def _refusal(call, name):
    with pytest.raises(IntegrityError) as caught:
        call(name)
    return str(caught.value)


@SLOW
@given(st.lists(documents, min_size=2, max_size=5), views, sentences)
def test_a_view_that_sees_everything_finds_what_no_view_finds(drawn, view, question):
    world = World([(file, "", collection, texts) for file, _, collection, texts in drawn])
    with (
        tempfile.TemporaryDirectory() as folder,
        Retriever(write_world(world, Path(folder)), WordEmbedder()) as retriever,
    ):
        open_to_all = View(view.groups, None)
        assert retriever.search(question, 5, open_to_all) == retriever.search(question, 5)


OPEN = World([(1, "", "", ["oil pump"]), (1, "service", "pumps", ["oil filter", "oil valve"])])


@pytest.fixture(name="shared")
def _shared(tmp_path):
    """A document for all, and one of the group service in the collection pumps."""
    paths = write_world(OPEN, tmp_path)
    with Retriever(paths, WordEmbedder()) as retriever:
        yield paths[1], retriever


READER = Caller("ada", groups=frozenset({"sales"})).view()
SERVICE = Caller("bob", groups=frozenset({"service"})).view()


def test_a_reader_sees_what_is_for_all_and_for_the_own_groups(shared):
    _, retriever = shared
    assert ids(retriever.search("oil", 9, READER)) == ["c0-0"]
    assert len(retriever.search("oil", 9, SERVICE)) == 3
    assert len(retriever.search("oil", 9, Caller("eve", "admin").view())) == 3
    assert len(retriever.search("oil", 9, View(frozenset()))) == 1


def test_a_change_of_access_counts_from_the_next_question_on(shared):
    path, retriever = shared
    assert len(retriever.search("oil", 9, READER)) == 1
    writer = KnowledgeWriter.open(path)
    writer.set_access("d1", "sales")
    assert len(retriever.search("oil", 9, READER)) == 3
    assert len(retriever.search("oil", 9, SERVICE)) == 1
    writer.set_access("d1", "")
    assert len(retriever.search("oil", 9, SERVICE)) == 3
    writer.close()


def test_a_change_of_collection_counts_from_the_next_question_on(shared):
    path, retriever = shared
    pumps = View(collections=frozenset({"pumps"}))
    assert len(retriever.search("oil", 9, pumps)) == 2
    writer = KnowledgeWriter.open(path)
    writer.set_collection("d1", "motors")
    writer.close()
    assert retriever.search("oil", 9, pumps) == []


def test_groups_and_collections_both_have_to_fit(shared):
    _, retriever = shared
    assert retriever.search("oil", 9, View(READER.groups, frozenset({"pumps"}))) == []
    assert len(retriever.search("oil", 9, View(SERVICE.groups, frozenset({"pumps"})))) == 2
    assert retriever.search("oil", 9, View(collections=frozenset())) == []


@pytest.mark.parametrize(
    "name",
    ["service' OR '1'='1", "%", "*", "serv", "SERVICE", "service\0", '"]', "service,sales"],
)
def test_a_group_is_its_exact_name_and_never_sql(shared, name):
    _, retriever = shared
    assert ids(retriever.search("oil", 9, View(frozenset({name})))) == ["c0-0"]
    assert retriever.search("oil", 9, View(collections=frozenset({name}))) == []


def test_many_questions_are_all_asked_with_the_view(shared):
    _, retriever = shared
    assert [ids(hits) for hits in retriever.search_many(["filter", "valve"], 3, READER)] == [
        ["c0-0"],
        ["c0-0"],
    ]
    assert len(retriever.search_many(["filter"], 3, EVERYTHING)[0]) == 3


def test_words_alone_obey_the_view_too(shared):
    path, _ = shared
    with Retriever(path) as words:
        assert words.search("filter", 5, READER) == []
        assert ids(words.search("filter", 5, SERVICE)) == ["c1-0"]
