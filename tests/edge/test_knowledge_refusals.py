"""A knowledge file that would search wrongly is neither written nor opened."""

import numpy as np
import pytest

from knowledge_corpus import Identity, corpus, count, edit, vectors_for
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import open_knowledge, write_knowledge


def _bad_vectors(kind):
    vectors = vectors_for(15)
    if kind == "nan":
        vectors[7, 0] = np.nan
    elif kind == "infinity":
        vectors[7, 0] = np.inf
    elif kind == "zero":
        vectors[7] = 0
    elif kind == "long":
        vectors[7] *= 2
    elif kind == "dimension":
        return vectors_for(15, 9)
    elif kind == "double":
        return vectors.astype(np.float64)
    elif kind == "fewer":
        return vectors[:14]
    return vectors


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "NaN or infinity"),
        ("infinity", "NaN or infinity"),
        ("zero", "not normalised"),
        ("long", "not normalised"),
        ("dimension", "not float32"),
        ("double", "not float32"),
        ("fewer", "15 chunks but 14 vectors"),
    ],
)
def test_unusable_vectors_are_refused(corpus_file, kind, reason):
    before = corpus_file.read_bytes()
    with pytest.raises(IntegrityError, match=reason):
        write_knowledge(corpus_file, *corpus(), _bad_vectors(kind), Identity())
    assert corpus_file.read_bytes() == before
    assert [p.name for p in corpus_file.parent.iterdir()] == ["knowledge.sqlite"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", "something else", "is not the text of its page"),
        ("start", 1, "is not the text of its page"),
        ("end", 10_000, "is not the text of its page"),
        ("start", -3, "is not the text of its page"),
        ("page", 2, "is on page 2, which is not there"),
        ("id", "chunk0-1", "cannot be added"),
        ("document_id", "nobody", "chunks of unknown documents: nobody"),
        ("tokens", "many", "no usable 'tokens'"),
        ("heading", None, "no usable 'heading'"),
        ("ordinal", True, "no usable 'ordinal'"),
    ],
)
def test_a_chunk_must_fit_its_document(tmp_path, field, value, reason):
    documents, chunks = corpus()
    chunks[0] |= {field: value}
    with pytest.raises(IntegrityError, match=reason):
        write_knowledge(tmp_path / "k.sqlite", documents, chunks, vectors_for(15), Identity())
    assert list(tmp_path.iterdir()) == []


def test_two_documents_cannot_have_one_id(tmp_path):
    documents, chunks = corpus(1)
    with pytest.raises(IntegrityError, match="document doc0 cannot be added"):
        write_knowledge(
            tmp_path / "k.sqlite", documents * 2, chunks, vectors_for(5), Identity()
        )


@pytest.mark.parametrize("dimension", [0, -1, 8193])
def test_a_dimension_the_index_cannot_hold_is_refused(tmp_path, dimension):
    with pytest.raises(IntegrityError, match="cannot be indexed"):
        write_knowledge(
            tmp_path / "k.sqlite", [], [], vectors_for(0), Identity(dimension=dimension)
        )


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE meta SET value = 'sfta.knowledge/9' WHERE key = 'schema'", "sfta.knowledge/9"),
        (
            "UPDATE meta SET value = 'sfta.knowledge/1' WHERE key = 'schema'",
            "has the schema 'sfta.knowledge/1'",
        ),
        ("DELETE FROM meta WHERE key = 'schema'", "has the schema None"),
        ("DELETE FROM meta WHERE key = 'embedder'", "does not say which embedder"),
        ("UPDATE meta SET value = '[' WHERE key = 'embedder'", "does not say which embedder"),
        ("UPDATE meta SET value = '{}' WHERE key = 'embedder'", "does not say which embedder"),
        (
            "UPDATE meta SET value = replace(value, '8', '9') WHERE key = 'embedder'",
            "embedder of dimension 9, its vectors have 8",
        ),
        ("UPDATE vectors SET vector = zeroblob(32)", "does not find its own vectors"),
        ("DROP TABLE chunks", "not a usable knowledge file"),
        ("DROP TABLE chunks_vec_chunks", "not a usable knowledge file"),
        ("DROP TABLE meta", "is not a knowledge file"),
    ],
)
def test_a_file_that_would_search_wrongly_does_not_open(corpus_file, statement, reason):
    edit(corpus_file, statement)
    with pytest.raises(IntegrityError, match=reason):
        open_knowledge(corpus_file)


@pytest.mark.parametrize(
    "content", [b"", b"no database" * 100, b"SQLite format 3\0" + bytes(99)]
)
def test_what_is_no_knowledge_file_says_so(tmp_path, content):
    path = tmp_path / "k.sqlite"
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        open_knowledge(path)


def test_a_missing_file_says_so_and_is_not_made(tmp_path):
    with pytest.raises(IntegrityError, match="cannot open"):
        open_knowledge(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_url_characters_is_a_path(tmp_path):
    path = tmp_path / "a?mode=rwc#50%.sqlite"
    write_knowledge(path, *corpus(1), vectors_for(5), Identity())
    assert count(path, "chunks") == 5
