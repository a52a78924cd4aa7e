"""The knowledge file: complete or absent, repeatable to the byte, never silently wrong."""

import apsw
import numpy as np
import pytest

from knowledge_corpus import DIMENSION, Identity, corpus, count, vectors_for
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import open_knowledge, write_knowledge
from sfta_edge.knowledge_format import passage


def test_what_is_written_can_be_opened(corpus_file):
    knowledge = open_knowledge(corpus_file)
    assert knowledge.chunks == 15
    assert knowledge.dimension == DIMENSION
    assert knowledge.embedder == {
        "name": "test-embedder",
        "sha256": "ab" * 32,
        "dimension": DIMENSION,
        "pooling": "mean",
    }
    knowledge.close()


@pytest.mark.parametrize("table", ["chunks", "vectors", "chunks_vec", "chunks_fts"])
def test_every_chunk_is_in_every_table(corpus_file, table):
    assert count(corpus_file, table) == 15


def test_the_same_input_gives_the_same_bytes(corpus_file, tmp_path):
    documents, chunks = corpus()
    again = tmp_path / "elsewhere.sqlite"
    write_knowledge(again, documents, chunks, vectors_for(15), Identity())
    assert again.read_bytes() == corpus_file.read_bytes()


def test_other_input_gives_other_bytes(corpus_file, tmp_path):
    documents, chunks = corpus()
    again = tmp_path / "elsewhere.sqlite"
    write_knowledge(again, documents, chunks, vectors_for(15, seed=1), Identity())
    assert again.read_bytes() != corpus_file.read_bytes()


def test_only_the_file_itself_is_left_behind(corpus_file):
    assert [p.name for p in corpus_file.parent.iterdir()] == ["knowledge.sqlite"]


def test_vectors_are_kept_to_the_bit(corpus_file):
    knowledge = open_knowledge(corpus_file)
    rows = knowledge.connection.execute("SELECT vector FROM vectors ORDER BY chunk").fetchall()
    found = np.stack([np.frombuffer(row[0], dtype="<f4") for row in rows])
    np.testing.assert_array_equal(found, vectors_for(15))
    knowledge.close()


def test_chunks_may_come_in_any_order(corpus_file, tmp_path):
    documents, chunks = corpus()
    order = list(reversed(range(15)))
    again = tmp_path / "again.sqlite"
    write_knowledge(
        again, documents, [chunks[n] for n in order], vectors_for(15)[order], Identity()
    )
    knowledge = open_knowledge(again)
    row = knowledge.connection.execute(
        "SELECT vector FROM vectors JOIN chunks ON number = chunk WHERE id = 'chunk1-2'"
    ).fetchone()
    np.testing.assert_array_equal(np.frombuffer(row[0], "<f4"), vectors_for(15)[7])
    knowledge.close()


def test_an_opened_file_cannot_be_written(corpus_file):
    knowledge = open_knowledge(corpus_file)
    with pytest.raises(apsw.Error):
        knowledge.connection.execute("DELETE FROM chunks")
    knowledge.close()
    assert count(corpus_file, "chunks") == 15


def test_a_document_without_chunks_is_kept(tmp_path):
    documents, chunks = corpus(2)
    path = tmp_path / "k.sqlite"
    write_knowledge(path, documents, chunks[:5], vectors_for(5), Identity())
    assert count(path, "documents") == 2


def test_an_empty_file_opens(tmp_path):
    path = tmp_path / "k.sqlite"
    write_knowledge(path, [], [], vectors_for(0), Identity())
    assert count(path, "chunks") == 0


def test_what_is_known_of_a_document_is_kept(tmp_path):
    documents, chunks = corpus(documents=2)
    documents[0] |= {"language": "en", "licence": "MIT", "owner": "ACME", "access": "service"}
    path = tmp_path / "k.sqlite"
    write_knowledge(path, documents, chunks, vectors_for(len(chunks)), Identity())
    knowledge = open_knowledge(path)
    rows = list(
        knowledge.connection.execute(
            "SELECT language, licence, owner, access FROM documents ORDER BY number"
        )
    )
    knowledge.close()
    assert rows == [("en", "MIT", "ACME", "service"), ("", "", "", "")]


def test_what_is_known_of_a_document_must_be_text(tmp_path):
    documents, chunks = corpus(documents=1)
    documents[0]["owner"] = 7
    with pytest.raises(IntegrityError, match="no usable 'owner': 7"):
        write_knowledge(
            tmp_path / "k.sqlite", documents, chunks, vectors_for(len(chunks)), Identity()
        )


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Manual", "4 Use > 4.2 Start", "Manual > 4 Use > 4.2 Start\nText."),
        ("Manual", "", "Manual\nText."),
        ("", "", "Text."),
    ],
)
def test_the_embedder_reads_what_a_chunk_is_about(title, heading, expected):
    assert passage(title, heading, "Text.") == expected
