"""Vectors in memory: exactly the nearest, equals in their order, always in step with the file."""

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_corpus import Identity, corpus, edit, vectors_for
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter
from sfta_edge.retriever import Retriever
from sfta_edge.vector_matrix import VectorMatrix

rows = st.lists(st.sampled_from([0, 1, 2, 3]), max_size=30)
CHOICES = vectors_for(4, seed=11)


@given(rows, st.lists(st.integers(1, 5)), st.integers(1, 12), st.integers(0, 3))
def test_the_nearest_are_those_of_a_sort_of_all(chosen, wanted, count, asked):
    """Many rows are equal, so the order of equals is tried all the time."""
    numbers = np.arange(1, len(chosen) + 1, dtype=np.int64)
    documents = numbers % 5 + 1
    matrix = VectorMatrix(numbers, documents, CHOICES[chosen])
    found = matrix.nearest(CHOICES[asked], count, np.array(wanted, dtype=np.int64))
    permitted = [
        n for n, document in zip(numbers, documents, strict=True) if document in wanted
    ]
    cosines = {n: float(np.vecdot(CHOICES[chosen[n - 1]], CHOICES[asked])) for n in permitted}
    expected = sorted(cosines, key=lambda n: (-cosines[n], n))[:count]
    assert found == [(int(n), cosines[n]) for n in expected]


@given(rows, st.integers(1, 12))
def test_no_filter_is_all_documents(chosen, count):
    numbers = np.arange(1, len(chosen) + 1, dtype=np.int64)
    matrix = VectorMatrix(numbers, numbers, CHOICES[chosen])
    assert matrix.nearest(CHOICES[0], count) == matrix.nearest(CHOICES[0], count, numbers)


@pytest.fixture(name="own")
def _own(tmp_path):
    path = tmp_path / "own.sqlite"
    KnowledgeWriter.create(path, Identity()).close()
    return path


def test_a_renewed_matrix_is_one_that_was_read_anew(own):
    documents, chunks = corpus(8)
    writer, reader = KnowledgeWriter.open(own), apsw.Connection(str(own))
    matrix = VectorMatrix.read(reader, 8)

    def step():
        nonlocal matrix
        matrix, anew = matrix.renewed(reader), VectorMatrix.read(reader, 8)
        np.testing.assert_array_equal(matrix.numbers, anew.numbers)
        np.testing.assert_array_equal(matrix.documents, anew.documents)
        np.testing.assert_array_equal(matrix.rows, anew.rows)

    for number, document in enumerate(documents):
        part = chunks[5 * number : 5 * number + 5]
        writer.add(document, part, vectors_for(5, seed=number))
        step()
        if number % 3 == 2:
            writer.remove(f"doc{number - 1}")
            writer.replace(document["id"], document, part[:2], vectors_for(2, seed=99))
            step()
    for document in documents:
        writer.remove(document["id"])
        step()
    reader.close()
    writer.close()
    assert len(matrix.numbers) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vectors SET vector = zeroblob(32) WHERE chunk = 9",
        "UPDATE vectors SET vector = zeroblob(31) WHERE chunk = 9",
        "UPDATE vectors SET vector = x'0000c07f" + "00" * 28 + "' WHERE chunk = 9",  # NaN
        "UPDATE vectors SET vector = x'0000807f" + "00" * 28 + "' WHERE chunk = 9",  # infinity
        "DELETE FROM vectors WHERE chunk = 9",
        "INSERT INTO vectors SELECT 99, vector FROM vectors WHERE chunk = 9",
    ],
)
def test_unusable_vectors_in_a_file_are_refused_not_searched(corpus_file, statement):
    edit(corpus_file, "PRAGMA foreign_keys = 0", statement)

    class Asked:
        identity = Identity()

        def embed(self, texts):
            return vectors_for(len(texts))

    with (
        Retriever(corpus_file, Asked()) as retriever,
        pytest.raises(IntegrityError, match=r"do not agree|missing or not normalised"),
    ):
        retriever.search("code", 3)
