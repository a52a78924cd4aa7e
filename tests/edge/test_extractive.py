"""Answers without a generator: which sentence comes, what refuses, what is quoted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asked_passages import CONTRACT, FILTER, NOISE, OIL, Passage
from sfta_edge.citation import find_quote
from sfta_edge.extractive import BOTH, MOST_QUOTES, WORDS, extractive_answer, shares

CHUNKS = [OIL, NOISE, FILTER]


def nobody(question, texts):
    return None


def answered(question, chunks=CHUNKS, opinion=nobody, **more):
    return extractive_answer(CONTRACT, chunks, question, opinion, **more)


def test_the_sentence_with_most_of_the_questions_words_is_quoted():
    answer = answered("How often is the oil changed?")
    assert answer.answer == "The oil is changed every 2000 hours."
    assert [c.chunk_id for c in answer.citations] == ["oil"]
    assert answer.well_formed


def test_the_embedder_can_prefer_another():
    def loud(question, texts):
        return [0.95 if "noise" in text else 0.0 for text in texts]

    assert answered("What level is usual?", opinion=loud).answer == NOISE.text


def test_a_code_weighs_more_than_words():
    rows = Passage(
        "rows", "E-114 | oil pressure is low\nE-115 | oil pressure is too low, what?"
    )
    assert answered("What does E-114 mean, oil pressure low?", [rows]).answer.startswith(
        "E-114"
    )


def test_heading_and_title_say_what_a_sentence_is_about():
    valve = Passage("v", "It opens at 9.6 bar.", heading="4 Safety valve SV-2")
    pump = Passage("p", "It opens at 3.7 bar.", heading="5 Pump")
    answer = answered("At what pressure does safety valve SV-2 open?", [pump, valve])
    assert answer.answer == "It opens at 9.6 bar."


def test_several_chunks_that_are_nearly_as_near_are_quoted_too_and_not_more_than_a_few():
    alike = [Passage(f"c{n}", f"The oil is changed here, case {n * 100}.") for n in range(6)]
    answer = answered("When is the oil changed?", alike)
    assert len(answer.citations) == MOST_QUOTES
    assert answer.answer.count("\n") == MOST_QUOTES - 1
    assert [c.chunk_id for c in answer.citations] == ["c0", "c1", "c2"]


@pytest.mark.parametrize("chunks", [[], [Passage("e", "")], [Passage("r", "|---|---|")]])
def test_without_a_sentence_the_answer_is_the_refusal(chunks):
    answer = answered("When?", chunks)
    assert (answer.refused, answer.answer) == (True, CONTRACT.refusal)


def test_the_refusal_score_says_on_which_side_of_the_border_the_best_lies():
    for border in (BOTH, WORDS):
        assert border.refusal_score(border.near) == 0.5
        assert border.refusal_score(border.near + 0.1) < 0.5 < border.refusal_score(0.0)
        assert 0 <= border.refusal_score(1e9) <= border.refusal_score(-1e9) <= 1


def test_shares_lie_between_none_and_all():
    assert shares("the oil filter E-114", ["oil filters, E114", "oil", "air"]) == [
        1.0,
        0.2,
        0.0,
    ]
    assert shares("what is it?", ["anything"]) == [0.0]


def test_quotes_can_be_placed_on_their_page():
    seen = []
    answered("How often is the oil changed?", locate=lambda *place: seen.append(place) or [])
    assert [chunk for chunk, _ in seen] == ["oil"]


@given(
    st.text(max_size=60),
    st.lists(st.text(max_size=120), max_size=4),
    st.floats(-1, 1) | st.none(),
)
def test_an_extract_stands_in_its_chunks_or_is_the_refusal(question, texts, cosine):
    chunks = [Passage(str(number), text) for number, text in enumerate(texts)]
    opinion = nobody if cosine is None else lambda _, found: [cosine] * len(found)
    answer = answered(question, chunks, opinion)
    assert answer.refused == (not answer.citations)
    assert answer.mode == "extractive"
    for citation in answer.citations:
        assert citation.verified
        assert find_quote(citation.quote, chunks[citation.number - 1].text)
