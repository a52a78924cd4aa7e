"""Several knowledge files searched as one, also while the device's own grows and changes."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from permitted_worlds import World, scores_by_hand, write_world
from sfta_edge.caller import EVERYTHING
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.knowledge import KnowledgeWriter
from sfta_edge.retriever import Retriever
from word_retriever import Identity, WordEmbedder, ids

TEXTS = ["oil pump", "oil filter", "motor valve", "oil oil pump", "pressure pump", "oil pump"]
SPLIT = World([(number % 2, "", "", [text]) for number, text in enumerate(TEXTS)])
TOGETHER = World([(0, "", "", [text]) for text in TEXTS])


class OtherEmbedder(WordEmbedder):
    """The embedder of the next bundle."""

    identity = Identity(sha256="ef" * 32)

    def embed(self, texts):
        return super().embed([text[::-1] for text in texts])


@pytest.fixture(name="paths")
def _paths(tmp_path):
    return write_world(SPLIT, tmp_path)


@pytest.fixture(name="both")
def _both(paths):
    with Retriever(paths, WordEmbedder()) as retriever:
        yield retriever


def test_two_files_find_what_one_file_finds(both, tmp_path):
    (tmp_path / "one").mkdir()
    path, _ = write_world(TOGETHER, tmp_path / "one")
    with Retriever(path, WordEmbedder()) as one:
        for question in ("motor", "pressure"):  # words whose weight is the same in both
            assert ids(both.search(question, 1)) == ids(one.search(question, 1))
        assert len(both) == len(one) == len(TEXTS)


def test_one_file_in_a_list_is_one_file(paths):
    with (
        Retriever(paths[0], WordEmbedder()) as alone,
        Retriever([paths[0]], WordEmbedder()) as one,
    ):
        for question in ("oil", "pump filter", ""):
            assert alone.search(question, 9) == one.search(question, 9)


def test_bm25_is_a_share_of_the_best_of_all_files(both, paths):
    hits = both.search("oil", 9)
    expected = scores_by_hand(SPLIT, paths, "oil", EVERYTHING)
    assert {h.chunk.id: pytest.approx(h.score, abs=1e-5) for h in hits} == expected
    with Retriever(paths) as words:
        found = words.search("oil", 9)
    assert found[0].score == 1.0
    assert [hit.text_rank for hit in found] == [hit.rank for hit in found]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_first_document_of_a_device_is_found_by_its_words(tmp_path, count):
    """In a file of one or two chunks bm25 gives no word a weight."""
    bundle = [
        (0, "", "", [text]) for text in ["oil pump", "oil filter", "motor valve", "seal"] * 3
    ]
    own = [(1, "", "", [text]) for text in ["brushed loom", "gear", "zinc"][:count]]
    paths = write_world(World([*bundle, *own]), tmp_path)

    class Far(WordEmbedder):
        """Vectors that say the opposite of the words."""

        def embed(self, texts):
            return super().embed(["oil" if "loom" in text else text for text in texts])

    with Retriever(paths, Far()) as retriever:
        first, second = retriever.search("is the loom brushed or its seal", 2)
    assert first.chunk.text == "brushed loom"
    assert first.score > second.score


def test_equal_scores_are_ordered_by_file_then_by_place(paths):
    class Flat(WordEmbedder):
        def embed(self, texts):
            return super().embed(["the same"] * len(texts))

    with Retriever(paths, Flat()) as retriever:
        hits = retriever.search("zzz", 9)
    equal = [hit.chunk.id for hit in hits if hit.chunk.text == "oil pump"]
    assert equal == ["c0-0", "c5-0"]  # c5 stands in the second file


@pytest.mark.parametrize("matrix_bytes", [0, 500, 1 << 20])
def test_the_memory_for_vectors_does_not_change_what_is_found(both, paths, matrix_bytes):
    with Retriever(paths, WordEmbedder(), matrix_bytes=matrix_bytes) as other:
        for question in ("oil", "oil pump", "valve", ""):
            for top_k in (1, 3, 9):
                assert other.search(question, top_k) == both.search(question, top_k)


def test_a_document_is_found_as_soon_as_it_is_added(both, paths):
    assert len(both) == 6
    before = both.search("gasket", 9)
    writer = KnowledgeWriter.open(paths[1])
    _add(writer, "new", "gasket gasket")
    hits = both.search("gasket", 9)
    assert hits[0].chunk.id == "new-0"
    assert hits[0].vector_rank == 1
    assert len(both) == 7
    writer.remove("new")
    writer.close()
    assert both.search("gasket", 9) == before


@pytest.mark.parametrize("matrix_bytes", [0, 1 << 20])
def test_a_replaced_document_is_found_by_its_new_text_alone(paths, matrix_bytes):
    with Retriever(paths, WordEmbedder(), matrix_bytes=matrix_bytes) as retriever:
        retriever.search("oil", 3)
        writer = KnowledgeWriter.open(paths[1])
        for text in ("gasket", "spring", "lever"):
            writer.remove("new")
            _add(writer, "new", text)
            assert retriever.search(text, 1)[0].chunk.text == text
            assert retriever.search(text, 1)[0].similarity == pytest.approx(1, abs=1e-5)
        writer.close()
        assert not any("gasket" in hit.chunk.text for hit in retriever.search("gasket", 9))


def test_searches_go_on_while_documents_come_and_go(both, paths):
    failures, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            hits = both.search("oil pump", 9)
            if {"c0-0", "c5-0"} - set(ids(hits)):
                failures.append(ids(hits))

    thread = threading.Thread(target=ask)
    thread.start()
    writer = KnowledgeWriter.open(paths[1])
    for number in range(15):
        _add(writer, f"new{number}", f"gasket {number}")
        writer.remove(f"new{number - 1}")
    writer.compact()
    writer.close()
    stop.set()
    thread.join()
    assert failures == []


def test_what_stands_in_both_files_is_found_once(paths):
    writer = KnowledgeWriter.open(paths[1])
    _add(writer, "c0", "oil pump")  # its chunk has the id of one of the bundle's
    writer.close()
    with Retriever(paths, WordEmbedder()) as retriever:
        found = ids(retriever.search("oil pump", 9))
        assert found.count("c0-0") == 1
        assert len(found) == 6
        assert retriever.chunk("c0-0").document_id == "d0"  # of the first file


def test_documents_say_which_file_they_are_in(both):
    assert [(facts.id, facts.file) for facts in both.documents()] == [
        ("d0", 0), ("d2", 0), ("d4", 0), ("d1", 1), ("d3", 1), ("d5", 1),
    ]  # fmt: skip
    facts = both.document("d3")
    assert (facts.name, facts.title, facts.pages, facts.chunks) == ("3.txt", "Title 3", 1, 1)


def test_a_page_is_read_with_its_lines(both):
    page = both.page("d3", 1)
    assert (page.text, page.number, page.pages) == ("oil oil pump", 1, 1)
    assert (page.lines[0].start, page.lines[0].end) == (0, 12)
    with pytest.raises(IntegrityError, match="no page 2 of d3"):
        both.page("d3", 2)
    with pytest.raises(IntegrityError, match="no page 1 of d9"):
        both.page("d9", 1)
    with pytest.raises(IntegrityError, match="no document d9"):
        both.document("d9")


def test_no_file_is_a_mistake_of_the_caller():
    with pytest.raises(ConfigError, match="needs a knowledge file"):
        Retriever([])


def test_if_one_file_is_missing_none_stays_open(paths, tmp_path):
    with pytest.raises(IntegrityError, match="cannot open"):
        Retriever([paths[0], tmp_path / "none.sqlite"])


def test_a_further_file_of_another_embedder_is_searched_by_words(paths):
    _embed_again(paths[1])
    with Retriever(paths, WordEmbedder()) as retriever:
        hits = {hit.chunk.id: hit for hit in retriever.search("oil", 9)}
        assert hits["c0-0"].similarity is not None
        assert hits["c1-0"].similarity is None
        assert hits["c1-0"].text_rank is not None
        assert retriever.search("valve", 1)[0].chunk.id == "c2-0"
    with Retriever(paths, WordEmbedder(), earlier=OtherEmbedder()) as retriever:
        hits = retriever.search("oil", 9)
        assert all(hit.similarity is not None for hit in hits)


def test_the_first_file_must_have_been_made_with_the_embedder(paths):
    with pytest.raises(IntegrityError, match="made with the embedder words"):
        Retriever(paths, OtherEmbedder())


def test_a_file_that_is_damaged_while_it_is_open_says_so(paths):
    with Retriever(paths, WordEmbedder()) as retriever:
        with paths[0].open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (paths[0].stat().st_size - 4096))
        with pytest.raises(IntegrityError, match="damaged") as caught:
            retriever.search("oil pump", 3)
        assert caught.value.hint


def test_an_embedder_that_is_out_of_order_is_not_asked(both, paths):
    class Broken(WordEmbedder):
        def embed(self, texts):
            raise IntegrityError("the embedder is damaged")

    with Retriever(paths, Broken()) as retriever, Retriever(paths) as words:
        assert retriever.search("oil", 3, words_only=True) == words.search("oil", 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_question_whose_vector_is_no_number_is_refused(paths, value):
    class Damaged(WordEmbedder):
        def embed(self, texts):
            vectors = super().embed(texts)
            vectors[0, 3] = value
            return vectors

    with Retriever(paths, Damaged()) as retriever, pytest.raises(IntegrityError) as caught:
        retriever.search("oil", 3)
    assert "no numbers" in str(caught.value)
    assert caught.value.hint


def test_a_question_vector_of_another_length_is_refused(paths):
    class Short(WordEmbedder):
        def embed(self, texts):
            return super().embed(texts)[:, :9]

    with Retriever(paths, Short()) as retriever, pytest.raises(IntegrityError):
        retriever.search("oil", 3)


def _add(writer, name, text):
    page = {"number": 1, "text": text, "width": 1, "height": 1, "lines": []}
    document = {"id": name, "name": name, "title": "", "sha256": "", "media_type": ""}
    chunk = {
        "id": f"{name}-0", "document_id": name, "ordinal": 0, "page": 1, "start": 0,
        "end": len(text), "heading": "", "text": text, "tokens": 1,
    }  # fmt: skip
    writer.add(document | {"pages": [page]}, [chunk], WordEmbedder().embed([text]))


def _embed_again(path):
    from sfta_edge.reembedding import reembed

    assert reembed(path, OtherEmbedder())
    assert replace(OtherEmbedder.identity, sha256=Identity().sha256) == Identity()
