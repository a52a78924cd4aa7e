"""The device's own file: documents are replaced at once, have groups, never mix vectors."""

from dataclasses import replace

import apsw
import pytest

from knowledge_corpus import Identity, corpus, count, edit, vectors_for
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter, open_knowledge
from sfta_edge.retriever import Retriever


@pytest.fixture(name="grown")
def _grown(tmp_path):
    """Three documents that came one by one."""
    path = tmp_path / "own.sqlite"
    documents, chunks = corpus()
    writer = KnowledgeWriter.create(path, Identity())
    for number, document in enumerate(documents):
        rows = slice(5 * number, 5 * number + 5)
        writer.add(document, chunks[rows], vectors_for(15)[rows])
    writer.close()
    return path


def texts(path):
    with Retriever(path) as retriever:
        return {hit.chunk.text for hit in retriever.search("document line code", 100)}


def test_a_growing_file_survives_a_power_cut_after_each_document(grown):
    writer = KnowledgeWriter.open(grown)
    assert writer._connection.pragma("journal_mode") == "wal"
    assert writer._connection.pragma("synchronous") == 2  # FULL
    writer.close()


def test_a_file_that_is_written_once_needs_no_second_file(corpus_file):
    connection = apsw.Connection(str(corpus_file))
    assert connection.pragma("journal_mode") == "delete"
    connection.close()


def test_a_document_takes_the_place_of_another(grown):
    documents, chunks = corpus(4)
    writer = KnowledgeWriter.open(grown)
    writer.replace("doc1", documents[3], chunks[15:20], vectors_for(5, seed=3))
    writer.verify()
    writer.close()
    assert count(grown, "chunks_vec") == 15
    with Retriever(grown) as retriever:
        assert [facts.id for facts in retriever.documents()] == ["doc0", "doc2", "doc3"]


def test_a_new_edition_may_have_the_same_ids(grown):
    documents, chunks = corpus()
    writer = KnowledgeWriter.open(grown)
    newer = documents[1] | {"title": "Second edition"}
    writer.replace("doc1", newer, chunks[5:8], vectors_for(3, seed=3))
    writer.verify()
    writer.close()
    with Retriever(grown) as retriever:
        assert retriever.document("doc1").title == "Second edition"
        assert retriever.document("doc1").chunks == 3


def test_replacing_what_is_not_there_adds(grown):
    documents, chunks = corpus(4)
    writer = KnowledgeWriter.open(grown)
    writer.replace("nothing", documents[3], chunks[15:20], vectors_for(5))
    writer.close()
    assert count(grown, "documents") == 4


@pytest.mark.parametrize("broken", ["text", "id", "vector"])
def test_a_replacement_that_fails_leaves_the_old_document(grown, broken):
    documents, chunks = corpus(4)
    before, vectors = texts(grown), vectors_for(5)
    new = [dict(chunk) for chunk in chunks[15:20]]
    if broken == "vector":
        vectors[2, 0] = float("nan")
    else:
        new[4] |= {"text": "something else"} if broken == "text" else {"id": "chunk0-1"}
    writer = KnowledgeWriter.open(grown)
    with pytest.raises(IntegrityError):
        writer.replace("doc1", documents[3], new, vectors)
    writer.verify()
    writer.close()
    assert texts(grown) == before


def test_access_and_collection_are_kept_and_changed(grown):
    documents, chunks = corpus(4)
    writer = KnowledgeWriter.open(grown)
    document = documents[3] | {"access": "service", "collection": "pumps"}
    writer.add(document, chunks[15:20], vectors_for(5))
    assert writer.set_access("doc0", "sales, service")
    assert writer.set_collection("doc0", "motors")
    assert not writer.set_access("nothing", "sales")
    assert not writer.set_collection("nothing", "motors")
    writer.verify()
    writer.close()
    with Retriever(grown) as retriever:
        found = {facts.id: (facts.access, facts.collection) for facts in retriever.documents()}
    assert found == {
        "doc0": ("sales, service", "motors"),
        "doc1": ("", ""),
        "doc2": ("", ""),
        "doc3": ("service", "pumps"),
    }


def test_a_number_is_never_given_to_another_chunk(grown):
    documents, chunks = corpus()
    writer = KnowledgeWriter.open(grown)
    writer.remove("doc2")
    writer.add(documents[2], chunks[10:], vectors_for(5))
    writer.close()
    knowledge = open_knowledge(grown)
    numbers = [n for (n,) in knowledge.connection.execute("SELECT number FROM chunks")]
    knowledge.close()
    assert sorted(numbers) == [*range(1, 11), *range(16, 21)]


def test_a_writer_waits_for_another(grown):
    documents, chunks = corpus(5)
    first, second = KnowledgeWriter.open(grown), KnowledgeWriter.open(grown)
    first.add(documents[3], chunks[15:20], vectors_for(5))
    second.add(documents[4], chunks[20:25], vectors_for(5))
    first.verify()
    first.close()
    second.close()
    assert count(grown, "documents") == 5


def test_a_writer_may_name_the_embedder_it_has(grown):
    KnowledgeWriter.open(grown, Identity()).close()
    with pytest.raises(IntegrityError, match="made with the embedder test-embedder"):
        KnowledgeWriter.open(grown, replace(Identity(), sha256="0" * 64))


def test_vectors_of_two_embedders_do_not_mix(grown):
    documents, chunks = corpus(4)
    writer = KnowledgeWriter.open(grown)
    edit(grown, "UPDATE meta SET value = replace(value, 'abab', 'cdcd') WHERE key = 'embedder'")
    with pytest.raises(IntegrityError, match="embedded again by another embedder"):
        writer.add(documents[3], chunks[15:], vectors_for(5))
    writer.close()


def as_schema_2(path):
    """A file as the version before wrote it."""
    edit(
        path,
        "UPDATE meta SET value = 'sfta.knowledge/2' WHERE key = 'schema'",
        "ALTER TABLE documents DROP COLUMN collection",
    )


def test_a_file_of_the_schema_before_is_read_but_not_written(corpus_file):
    as_schema_2(corpus_file)
    with Retriever(corpus_file) as retriever:
        assert len(retriever.search("document", 20)) == 15
        assert {facts.collection for facts in retriever.documents()} == {""}
    with pytest.raises(IntegrityError, match="can only be read") as caught:
        KnowledgeWriter.open(corpus_file)
    assert caught.value.hint
