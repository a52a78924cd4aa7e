"""Finding chunks: by words, by meaning, by exact codes, and never failing on any text."""

import threading

import apsw
import pytest

from sfta_edge.citation import Span
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.retriever import Box, Retriever
from word_retriever import TEXTS, Identity, WordEmbedder, ids


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How do I start the compressor?", "start"),
        ("What does E-114 mean?", "e114"),
        ("what is fault e-115", "e115"),
        ("E115", "e115"),
        ("e 115", "e115"),
        ("How much does the CX-220 deliver?", "cx220"),
        ("cx330 delivery", "cx330"),
        ("24.5", "cx220"),
        ("uberdruckventil", "cafe"),
        ("the relief valve of the cafe", "cafe"),
        ("filters replacing", "filter"),
    ],
)
def test_the_right_chunk_is_first(word_retriever, plain_retriever, question, expected):
    assert ids(word_retriever.search(question, 3))[0] == expected
    assert ids(plain_retriever.search(question, 3))[0] == expected


def test_a_code_does_not_find_its_neighbour(plain_retriever):
    assert "e115" not in ids(plain_retriever.search("E-114", 5))
    assert "cx330" not in ids(plain_retriever.search("CX-220", 5))


def test_a_hit_says_where_it_comes_from(word_retriever):
    hit = word_retriever.search("Which fault is E-114?", 2)[0]
    assert hit.rank == 1
    assert hit.text_rank == 1
    assert hit.vector_rank is not None
    assert hit.similarity is not None
    assert hit.score == pytest.approx(0.5 + 0.5 * hit.similarity)  # the best bm25 counts as 1
    chunk = hit.chunk
    assert (chunk.title, chunk.name, chunk.page) == ("Operator manual", "manual.pdf", 1)
    assert (chunk.heading, chunk.document_id) == ("4 Operation", "manual")
    assert chunk.text == TEXTS["e114"]


def test_similarity_is_the_cosine(word_retriever):
    question = TEXTS["filter"]
    hit = word_retriever.search(question, 1)[0]
    assert hit.chunk.id == "filter"
    assert hit.similarity == pytest.approx(1.0, abs=1e-5)


def test_a_chunk_that_only_words_have_found_has_its_cosine_too(pump_knowledge):
    class Opposite(WordEmbedder):
        def embed(self, texts):
            return -super().embed([TEXTS["e114"] for _ in texts])

    with Retriever(pump_knowledge, Opposite(), candidates=3) as narrow:
        hit = next(h for h in narrow.search("E-114", 3) if h.chunk.id == "e114")
    assert (hit.rank, hit.text_rank, hit.vector_rank) == (1, 1, None)
    assert hit.similarity == pytest.approx(-1.0, abs=1e-5)
    assert hit.score == 0.5


def test_one_search_cannot_drown_what_the_other_is_sure_of(word_retriever, plain_retriever):
    """Fusion by rank let chunks that are middling in both pass the best of one."""
    for question in ("E-115", "CX-330", "2000 hours"):
        best = ids(plain_retriever.search(question, 1))
        assert ids(word_retriever.search(question, 2))[0] == best[0]


def test_scores_fall_and_ranks_rise(word_retriever):
    hits = word_retriever.search("the pressure of the machine in bar", 7)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 + 1e-6 for hit in hits)
    assert len(set(ids(hits))) == len(hits)


@pytest.mark.parametrize("top_k", [1, 3, 7, 50])
def test_at_most_top_k_are_found(word_retriever, top_k):
    assert len(word_retriever.search("bar", top_k)) == min(top_k, len(TEXTS))


def test_fewer_results_are_the_beginning_of_more(word_retriever):
    question = "oil pressure at 8 bar"
    assert (
        ids(word_retriever.search(question, 3)) == ids(word_retriever.search(question, 7))[:3]
    )


def test_the_same_question_finds_the_same_list(pump_knowledge, word_retriever):
    with Retriever(pump_knowledge, WordEmbedder()) as other:
        for question in ("bar", "machine", "E-114 or E-115", ""):
            assert word_retriever.search(question, 7) == other.search(question, 7)


def test_many_questions_are_embedded_together(pump_knowledge):
    embedder = WordEmbedder()
    with Retriever(pump_knowledge, embedder) as retriever:
        questions = ["start", "oil pressure", "filter"]
        together = retriever.search_many(questions, 2)
        assert len(embedder.calls) == 1
        assert together == [retriever.search(question, 2) for question in questions]
        assert retriever.search_many([], 2) == []


def test_without_an_embedder_only_words_count(plain_retriever):
    assert not plain_retriever.hybrid
    hits = plain_retriever.search("oil pressure", 3)
    assert hits[0].chunk.id == "e115"
    assert all(hit.vector_rank is None and hit.similarity is None for hit in hits)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"sha256": "ef" * 32}, "sha256"), ({"dimension": 32}, "dimension")],
)
def test_another_embedder_is_refused(pump_knowledge, change, reason):
    other = WordEmbedder()
    other.identity = Identity(**change)
    with pytest.raises(IntegrityError, match=reason) as caught:
        Retriever(pump_knowledge, other)
    assert caught.value.hint


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_is_at_least_one(word_retriever, top_k):
    with pytest.raises(ConfigError, match="top_k"):
        word_retriever.search("oil", top_k)


@pytest.mark.parametrize("candidates", [0, 5000])
def test_the_number_of_candidates_is_bounded(pump_knowledge, candidates):
    with pytest.raises(ConfigError, match="candidates"):
        Retriever(pump_knowledge, candidates=candidates)


def test_a_chunk_is_found_by_its_id(word_retriever):
    assert word_retriever.chunk("cx220").text == TEXTS["cx220"]
    assert len(word_retriever) == len(TEXTS)
    with pytest.raises(IntegrityError, match="no chunk nothing"):
        word_retriever.chunk("nothing")


def test_a_quote_has_the_box_of_its_line(word_retriever):
    text = TEXTS["e114"]
    start = text.index("discharge")
    boxes = word_retriever.boxes("e114", Span(start, start + 9))
    assert boxes == [Box(1, 50.0, 120.0, 500.0, 132.0, page_width=595.0, page_height=842.0)]


def test_a_quote_beyond_the_chunk_stays_on_the_chunk(word_retriever):
    assert len(word_retriever.boxes("e114", Span(0, 10_000))) == 1


@pytest.mark.parametrize("place", [0, 7])
def test_an_empty_span_has_no_box(word_retriever, place):
    assert word_retriever.boxes("e114", Span(place, place)) == []


def test_threads_may_share_a_retriever(word_retriever):
    expected = ids(word_retriever.search("oil pressure", 3))
    found, failures = [], []

    def work():
        try:
            for _ in range(20):
                found.append(ids(word_retriever.search("oil pressure", 3)))
        except apsw.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert found == [expected] * 80


def test_a_closed_retriever_does_not_answer(pump_knowledge):
    retriever = Retriever(pump_knowledge)
    retriever.close()
    with pytest.raises(apsw.ConnectionClosedError):
        retriever.search("oil", 1)


def test_similarities_are_cosines_of_the_embedder(word_retriever):
    question = TEXTS["filter"]
    same, other = word_retriever.similarities(question, [question, "zzz"])
    assert same == pytest.approx(1.0)
    assert other < same


def test_without_an_embedder_there_is_no_similarity(plain_retriever):
    with pytest.raises(ConfigError, match="needs an embedder"):
        plain_retriever.similarities("What?", ["text"])
