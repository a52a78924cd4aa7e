"""A new embedder's vectors are computed beside the file and put in at once, or not at all."""

import random
import threading

import numpy as np
import pytest

from killed_writers import content, run_killed
from knowledge_corpus import Identity, corpus, edit, vectors_for
from sfta_edge.errors import IntegrityError
from sfta_edge.knowledge import KnowledgeWriter, open_knowledge
from sfta_edge.reembedding import Reembedding, reembed
from sfta_edge.retriever import Retriever
from word_retriever import Identity as NewIdentity
from word_retriever import WordEmbedder, ids

_STEPS = 600  # a little more than it takes, so that some tries succeed
REEMBED = """
    from word_retriever import WordEmbedder
    from sfta_edge.reembedding import Reembedding
    with Reembedding(path, WordEmbedder()) as work:
        watch(work._file)
        watch(work._made)
        for _ in work.batches():
            pass
        work.put_in()
"""


@pytest.fixture(name="old")
def _old(tmp_path):
    """A file with vectors of the embedder before, of another dimension."""
    path = tmp_path / "own.sqlite"
    documents, chunks = corpus(10, 10)
    writer = KnowledgeWriter.create(path, Identity())
    for number, document in enumerate(documents):
        rows = slice(10 * number, 10 * number + 10)
        writer.add(document, chunks[rows], vectors_for(100)[rows])
    writer.close()
    return path


def made_by(path):
    knowledge = open_knowledge(path)
    knowledge.close()
    return knowledge.embedder["sha256"]


def left_beside(path):
    return sorted(found.name for found in path.parent.iterdir() if ".vectors" in found.name)


def test_afterwards_the_file_is_that_of_the_new_embedder(old):
    seen = []
    assert reembed(old, WordEmbedder(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(32, 100), (64, 100), (96, 100), (100, 100)]
    assert made_by(old) == NewIdentity().sha256
    assert left_beside(old) == []
    content(old)
    with Retriever(old, WordEmbedder()) as retriever:
        assert (
            retriever.search("Manual 7 > 3 Part Document 7 line 3", 1)[0].chunk.id == "chunk7-3"
        )


def test_the_vectors_are_those_an_index_would_have(old):
    reembed(old, WordEmbedder())
    text = "Manual 0 > 0 Part\nDocument 0 line 0: the code is E-00."
    (expected,) = WordEmbedder().embed([text])
    blob = dict(content(old)["vectors"])[1]
    np.testing.assert_array_equal(np.frombuffer(blob, "<f4"), expected)


def test_a_file_of_the_same_embedder_is_left_alone(old):
    reembed(old, WordEmbedder())
    before = old.read_bytes()
    embedder = WordEmbedder()
    assert reembed(old, embedder)
    assert embedder.calls == []
    assert old.read_bytes() == before
    assert left_beside(old) == []


def test_a_stopped_try_is_taken_up_where_it_ended(old):
    stop, first, second = threading.Event(), WordEmbedder(), WordEmbedder()
    stop.set()
    assert not reembed(old, first, stop=stop)
    assert made_by(old) == Identity().sha256
    assert reembed(old, second)
    assert sum(map(len, first.calls)) == 32
    assert sum(map(len, second.calls)) == 68


def test_what_was_computed_for_another_embedder_is_not_used(old):
    stop = threading.Event()
    stop.set()

    class Another(WordEmbedder):
        identity = NewIdentity(sha256="ef" * 32)

    assert not reembed(old, Another(), stop=stop)
    embedder = WordEmbedder()
    assert reembed(old, embedder)
    assert sum(map(len, embedder.calls)) == 100


def test_a_damaged_beginning_is_begun_anew(old):
    beside = old.with_name(old.name + ".vectors")
    beside.write_bytes(b"no database" * 500)
    assert reembed(old, WordEmbedder())
    assert left_beside(old) == []


def test_what_is_added_meanwhile_gets_its_vector_too(old):
    documents, chunks = corpus(12, 10)
    with Reembedding(old, WordEmbedder()) as work:
        list(work.batches())
        writer = KnowledgeWriter.open(old)
        writer.add(documents[10], chunks[100:110], vectors_for(10))
        writer.replace("doc3", documents[11], chunks[110:], vectors_for(10))
        assert not work.put_in()
        assert made_by(old) == Identity().sha256
        assert [done for done, _ in work.batches()] == [110]
        assert work.put_in()
        with pytest.raises(IntegrityError, match="another embedder"):
            writer.add(documents[3], chunks[30:40], vectors_for(10))
        writer.close()
    assert len(content(old)["vectors"]) == 110


def test_a_number_with_another_text_is_embedded_again(old):
    """As after a restore of an older state: the numbers are the same, the texts are not."""
    with Reembedding(old, WordEmbedder()) as work:
        list(work.batches())
        edit(old, "UPDATE chunks SET heading = 'other' WHERE number = 5",
             "INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild')")  # fmt: skip
        assert not work.put_in()
        assert [done for done, _ in work.batches()] == [100]
        assert work.put_in()
    content(old)


def test_until_the_end_the_file_answers_and_then_with_the_new_vectors(old):
    class Old:
        identity = Identity()

        def embed(self, texts):
            return vectors_for(len(texts))

    bundle = old.with_name("bundle.sqlite")
    KnowledgeWriter.create(bundle, NewIdentity(), growing=False).close()
    with Retriever([bundle, old], WordEmbedder(), earlier=Old()) as retriever:
        with Reembedding(old, WordEmbedder()) as work:
            for _ in work.batches():
                hits = retriever.search("code E-73", 3)
                assert "chunk7-3" in ids(hits)
                assert all(hit.similarity is not None for hit in hits)
            work.put_in()
        after = retriever.search("Manual 7 > 3 Part Document 7 line 3 the code is E-73", 3)
        assert ids(after)[0] == "chunk7-3"
        assert after[0].similarity == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_unusable_vectors_are_refused_and_the_file_stays(old, value):
    class Damaged(WordEmbedder):
        def embed(self, texts):
            return super().embed(texts) * np.float32(value)

    before = content(old)
    with pytest.raises(IntegrityError, match=r"NaN|not normalised"):
        reembed(old, Damaged())
    assert content(old) == before


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_reembedding_leaves_the_old_vectors_or_the_new(old, seed):
    before = content(old)
    killed = run_killed(REEMBED, old, random.Random(seed).randrange(1, _STEPS))
    found = content(old)
    if made_by(old) == Identity().sha256:
        assert killed
        assert found == before
    assert reembed(old, WordEmbedder())  # the next try goes on
    found = content(old)
    assert [found[table] for table in ("documents", "pages", "chunks")] == [
        before[table] for table in ("documents", "pages", "chunks")
    ]
    assert left_beside(old) == []
