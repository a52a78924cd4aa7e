"""Finding chunks: by words, by meaning, by exact codes, and never failing on any text."""

import hashlib
import re
import threading
from dataclasses import dataclass

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta_edge.citation import Span
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.knowledge import write_knowledge
from sfta_edge.query import match_expression
from sfta_edge.retriever import Box, Retriever

DIMENSION = 64
TEXTS = {
    "start": "Press the green button to start the compressor. Wait for ten seconds.",
    "e114": "Fault E-114: the discharge temperature is above 110 °C. Stop the machine.",
    "e115": "Fault E-115: the oil pressure is too low. Add oil.",
    "cx220": "The CX-220 delivers 24.5 m³ per hour at 8 bar.",
    "cx330": "The CX-330 delivers 36.0 m³ per hour at 8 bar.",
    "cafe": "Überdruckventil: the relief valve of the café machine opens at 9 bar.",
    "filter": "Replace the intake filter every 2000 hours of operation.",
}


@dataclass(frozen=True)
class Identity:
    name: str = "words"
    sha256: str = "cd" * 32
    dimension: int = DIMENSION


class WordEmbedder:
    """Each word is a fixed direction; a text is the sum of its words."""

    identity = Identity()

    def __init__(self):
        self.calls = []

    def embed(self, texts):
        self.calls.append(list(texts))
        return np.stack([self._one(text) for text in texts])

    def _one(self, text):
        total = np.full(DIMENSION, 1e-3)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total = total + np.random.default_rng(seed).normal(size=DIMENSION)
        return (total / np.linalg.norm(total)).astype(np.float32)


def page(texts):
    text, lines, start = "\n".join(texts), [], 0
    for number, line in enumerate(texts):
        lines.append([start, start + len(line), 50, 100 + 20 * number, 500, 112 + 20 * number])
        start += len(line) + 1
    return {"number": 1, "text": text, "width": 595, "height": 842, "lines": lines}


@pytest.fixture(name="path", scope="module")
def _path(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "knowledge.sqlite"
    made = page(list(TEXTS.values()))
    document = {
        "id": "manual",
        "name": "manual.pdf",
        "title": "Operator manual",
        "sha256": "0" * 64,
        "media_type": "application/pdf",
        "pages": [made],
    }
    chunks = [
        {
            "id": name,
            "document_id": "manual",
            "page": 1,
            "start": line[0],
            "end": line[1],
            "heading": "4 Operation",
            "text": TEXTS[name],
            "tokens": 12,
            "ordinal": number,
        }
        for number, (name, line) in enumerate(zip(TEXTS, made["lines"], strict=True))
    ]
    vectors = WordEmbedder().embed(list(TEXTS.values()))
    write_knowledge(path, [document], chunks, vectors, Identity())
    return path


@pytest.fixture(name="retriever", scope="module")
def _retriever(path):
    with Retriever(path, WordEmbedder()) as retriever:
        yield retriever


@pytest.fixture(name="words", scope="module")
def _words(path):
    with Retriever(path) as retriever:
        yield retriever


def ids(hits):
    return [hit.chunk.id for hit in hits]


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
def test_the_right_chunk_is_first(retriever, words, question, expected):
    assert ids(retriever.search(question, 3))[0] == expected
    assert ids(words.search(question, 3))[0] == expected


def test_a_code_does_not_find_its_neighbour(words):
    assert "e115" not in ids(words.search("E-114", 5))
    assert "cx330" not in ids(words.search("CX-220", 5))


def test_a_hit_says_where_it_comes_from(retriever):
    hit = retriever.search("Which fault is E-114?", 2)[0]
    assert hit.rank == 1
    assert hit.text_rank == 1
    assert hit.vector_rank is not None
    assert hit.similarity is not None
    assert hit.score == pytest.approx(0.5 + 0.5 * hit.similarity)  # the best bm25 counts as 1
    chunk = hit.chunk
    assert (chunk.title, chunk.name, chunk.page) == ("Operator manual", "manual.pdf", 1)
    assert (chunk.heading, chunk.document_id) == ("4 Operation", "manual")
    assert chunk.text == TEXTS["e114"]


def test_similarity_is_the_cosine(retriever):
    question = TEXTS["filter"]
    hit = retriever.search(question, 1)[0]
    assert hit.chunk.id == "filter"
    assert hit.similarity == pytest.approx(1.0, abs=1e-5)


def test_a_chunk_that_only_words_have_found_has_its_cosine_too(path):
    class Opposite(WordEmbedder):
        def embed(self, texts):
            return -super().embed([TEXTS["e114"] for _ in texts])

    with Retriever(path, Opposite(), candidates=3) as narrow:
        hit = next(h for h in narrow.search("E-114", 3) if h.chunk.id == "e114")
    assert (hit.rank, hit.text_rank, hit.vector_rank) == (1, 1, None)
    assert hit.similarity == pytest.approx(-1.0, abs=1e-5)
    assert hit.score == 0.5


def test_one_search_cannot_drown_what_the_other_is_sure_of(retriever, words):
    """Fusion by rank let chunks that are middling in both pass the best of one."""
    for question in ("E-115", "CX-330", "2000 hours"):
        best = ids(words.search(question, 1))
        assert ids(retriever.search(question, 2))[0] == best[0]


def test_scores_fall_and_ranks_rise(retriever):
    hits = retriever.search("the pressure of the machine in bar", 7)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 + 1e-6 for hit in hits)
    assert len(set(ids(hits))) == len(hits)


@pytest.mark.parametrize("top_k", [1, 3, 7, 50])
def test_at_most_top_k_are_found(retriever, top_k):
    assert len(retriever.search("bar", top_k)) == min(top_k, len(TEXTS))


def test_fewer_results_are_the_beginning_of_more(retriever):
    question = "oil pressure at 8 bar"
    assert ids(retriever.search(question, 3)) == ids(retriever.search(question, 7))[:3]


def test_the_same_question_finds_the_same_list(path, retriever):
    with Retriever(path, WordEmbedder()) as other:
        for question in ("bar", "machine", "E-114 or E-115", ""):
            assert retriever.search(question, 7) == other.search(question, 7)


def test_many_questions_are_embedded_together(path):
    embedder = WordEmbedder()
    with Retriever(path, embedder) as retriever:
        questions = ["start", "oil pressure", "filter"]
        together = retriever.search_many(questions, 2)
        assert len(embedder.calls) == 1
        assert together == [retriever.search(question, 2) for question in questions]
        assert retriever.search_many([], 2) == []


def test_without_an_embedder_only_words_count(words):
    assert not words.hybrid
    hits = words.search("oil pressure", 3)
    assert hits[0].chunk.id == "e115"
    assert all(hit.vector_rank is None and hit.similarity is None for hit in hits)


@pytest.mark.parametrize(
    "question", ["", "   ", "?!", '"', "''", "_", "\0", "()", "-", "NEAR("]
)
def test_a_question_without_words_finds_nothing_by_words(words, question):
    assert words.search(question, 3) == []


@pytest.mark.parametrize(
    "question",
    [
        'oil" OR chunks_fts MATCH "x',
        "oil AND NOT pressure",
        "NEAR(oil pressure, 2)",
        "title: oil",
        "{title heading}: oil",
        "oil*",
        "^oil",
        "oil -- '; DROP TABLE chunks",
        "oil + pressure",
        "rank:oil",
        "oil\ud800",
        "oil \N{RIGHT-TO-LEFT OVERRIDE}",
        "oil " * 5000,
    ],
)
def test_operators_in_a_question_are_only_text(retriever, words, question):
    assert "e115" in ids(words.search(question, 3))
    assert "e115" in ids(retriever.search(question, 7))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_question(words, question):
    hits = words.search(question, 3)
    assert len(hits) <= 3


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from('"*^:(){}-+,AND OR NOT NEAR oil E-114 \t\n'), max_size=40))
def test_any_mixture_of_operators_is_a_question(words, parts):
    words.search("".join(parts), 3)


@settings(max_examples=200)
@given(st.text(max_size=100))
def test_every_term_of_a_query_is_quoted(question):
    expression = match_expression(question)
    if expression is not None:
        assert re.fullmatch(r'"[^"]+"(?: OR "[^"]+")*', expression)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the pressure?", '"pressure"'),
        ("what is it", '"what" OR "is" OR "it"'),
        ("E-114", '"e 114" OR "e114"'),
        ("E114", '"e114" OR "e 114"'),
        ("24.5 bar", '"24 5" OR "bar"'),
        ("re-start", '"re start" OR "re" OR "start"'),
        ("oil oil OIL", '"oil"'),
        ("", None),
        ("...", None),
    ],
)
def test_a_question_becomes_an_expression(question, expected):
    assert match_expression(question) == expected


def test_a_long_question_has_a_bounded_expression():
    expression = match_expression(" ".join(f"word{n}" for n in range(10_000)))
    assert expression.count(" OR ") == 63


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"sha256": "ef" * 32}, "sha256"), ({"dimension": 32}, "dimension")],
)
def test_another_embedder_is_refused(path, change, reason):
    other = WordEmbedder()
    other.identity = Identity(**change)
    with pytest.raises(IntegrityError, match=reason) as caught:
        Retriever(path, other)
    assert caught.value.hint


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_is_at_least_one(retriever, top_k):
    with pytest.raises(ConfigError, match="top_k"):
        retriever.search("oil", top_k)


@pytest.mark.parametrize("candidates", [0, 5000])
def test_the_number_of_candidates_is_bounded(path, candidates):
    with pytest.raises(ConfigError, match="candidates"):
        Retriever(path, candidates=candidates)


def test_a_chunk_is_found_by_its_id(retriever):
    assert retriever.chunk("cx220").text == TEXTS["cx220"]
    assert len(retriever) == len(TEXTS)
    with pytest.raises(IntegrityError, match="no chunk nothing"):
        retriever.chunk("nothing")


def test_a_quote_has_the_box_of_its_line(retriever):
    text = TEXTS["e114"]
    start = text.index("discharge")
    boxes = retriever.boxes("e114", Span(start, start + 9))
    assert boxes == [Box(1, 50.0, 120.0, 500.0, 132.0, page_width=595.0, page_height=842.0)]


def test_a_quote_beyond_the_chunk_stays_on_the_chunk(retriever):
    assert len(retriever.boxes("e114", Span(0, 10_000))) == 1


@pytest.mark.parametrize("place", [0, 7])
def test_an_empty_span_has_no_box(retriever, place):
    assert retriever.boxes("e114", Span(place, place)) == []


def test_threads_may_share_a_retriever(retriever):
    expected = ids(retriever.search("oil pressure", 3))
    found, failures = [], []

    def work():
        try:
            for _ in range(20):
                found.append(ids(retriever.search("oil pressure", 3)))
        except apsw.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert found == [expected] * 80


def test_a_closed_retriever_does_not_answer(path):
    retriever = Retriever(path)
    retriever.close()
    with pytest.raises(apsw.ConnectionClosedError):
        retriever.search("oil", 1)


def test_similarities_are_cosines_of_the_embedder(retriever):
    question = TEXTS["filter"]
    same, other = retriever.similarities(question, [question, "zzz"])
    assert same == pytest.approx(1.0)
    assert other < same


def test_without_an_embedder_there_is_no_similarity(words):
    with pytest.raises(ConfigError, match="needs an embedder"):
        words.similarities("What?", ["text"])
