"""A chosen quote stands in its chunk to the letter; a model without a likely one refuses."""

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.answer import Answerer, AnswerSettings, answer_from_chunks, answer_many
from sfta_edge.caller import EVERYTHING
from sfta_edge.citation import find_quote, parse_answer
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits, Scored
from sfta_edge.prompt import PromptContract
from sfta_edge.quoting import (
    DECISIVE_TOKENS,
    Candidate,
    Evidence,
    candidates,
    choose,
    opening,
)
from sfta_edge.retriever import Hit
from sfta_edge.settings import Weights

CONTRACT = PromptContract(
    head="<",
    between="|",
    tail=">",
    end="#",
    system="s",
    document="[{number}] {text}\n",
    question="Q: {question}",
    refusal="Not in the documents.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)


@dataclass(frozen=True)
class Passage:
    id: str
    text: str
    title: str = "Manual"
    name: str = "manual.pdf"
    page: int = 4
    heading: str = ""
    document_id: str = "manual"


OIL = Passage("oil", "The oil is mineral. It is changed every 2000 hours.")
TORQUE = Passage(
    "torque", "1. Loosen the nut.\n| Part | Torque |\n| --- | --- |\n| Nut | 8 N·m |"
)


class KnowingEngine:
    """Characters are tokens; it finds likely whatever holds its favourite words."""

    context_tokens = 4000

    def __init__(self, favourite, answer=" 8 N·m"):
        self.favourite, self.answer, self.prompts, self.scored = favourite, answer, [], []

    def tokenize(self, text, special=False):
        return [ord(char) for char in text]

    def score(self, prompt, options, limits):
        texts = ["".join(map(chr, option)) for option in options]
        self.scored = texts
        likely = [
            -0.01 if self.favourite and self.favourite in text else -3.0 for text in texts
        ]
        scores = tuple((value,) * len(text) for value, text in zip(likely, texts, strict=True))
        return Scored(scores, sum(map(len, prompt)), 0, 1.0, limits.interruption())

    @contextmanager
    def lanes(self):
        yield [self, self]

    def stream(self, prompt, limits):
        self.prompts.append("".join(chr(t) for segment in prompt for t in segment))
        text = self.answer[: limits.max_tokens]
        yield text
        return Generation(text, tuple(map(ord, text)), "stop", sum(map(len, prompt)))


SETTINGS = AnswerSettings(choose_quotes=True, max_tokens=100)


def test_the_quote_is_chosen_and_the_answer_written_behind_it():
    engine = KnowingEngine("Nut")
    answer = answer_from_chunks(engine, CONTRACT, [OIL, TORQUE], "How tight?", SETTINGS)
    assert answer.completion == '[2] "Nut | 8 N·m"\nAnswer: 8 N·m'
    assert engine.prompts[0].endswith('>[2] "Nut | 8 N·m"\nAnswer:')
    (citation,) = answer.citations
    assert citation.verified
    assert (citation.chunk_id, citation.number, citation.corrected) == ("torque", 2, False)


def test_the_stream_joined_is_the_completion():
    class Searcher:
        def search(self, question, top_k, view=EVERYTHING, *, words_only=False):
            return [Hit(OIL, 1.0, 1), Hit(TORQUE, 0.5, 2)]

        def similarities(self, question, texts):
            return [0.0] * len(texts)

        def boxes(self, chunk_id, span, view=EVERYTHING):
            return []

    answers = []

    def pieces():
        answerer = Answerer(KnowingEngine("Nut"), Searcher(), CONTRACT, SETTINGS)
        answers.append((yield from answerer.stream("How tight?")))

    assert "".join(pieces()) == answers[0].completion


def test_without_a_likely_quote_the_answer_is_the_refusal_and_nothing_is_written():
    engine = KnowingEngine(None)
    answer = answer_from_chunks(engine, CONTRACT, [OIL, TORQUE], "How tall?", SETTINGS)
    assert answer.refused
    said = -3.0 * DECISIVE_TOKENS * SETTINGS.weights.refusal_slope
    assert answer.refusal_score == pytest.approx(1 / (1 + math.exp(2.0 + said)))
    assert engine.prompts == []


def test_the_threshold_decides_between_quote_and_refusal():
    bold = replace(SETTINGS, refusal_threshold=0.99)
    answer = answer_from_chunks(KnowingEngine(None), CONTRACT, [OIL], "How tall?", bold)
    assert not answer.refused
    assert answer.supported


def test_only_the_first_words_of_a_candidate_are_compared():
    engine = KnowingEngine("Nut")
    answer_from_chunks(engine, CONTRACT, [OIL, TORQUE], "How tight?", SETTINGS)
    assert {len(text) for text in engine.scored} == {DECISIVE_TOKENS}


def test_the_token_budget_holds_with_the_quote_in_it():
    engine = KnowingEngine("Nut", answer="x" * 500)
    answer = answer_from_chunks(engine, CONTRACT, [TORQUE], "How tight?", SETTINGS)
    assert answer.usage["completion_tokens"] == SETTINGS.max_tokens


def test_a_chunk_whose_sentences_are_longer_than_an_answer_is_answered_freely():
    engine = KnowingEngine(None, answer="Answer: no")
    short = replace(SETTINGS, max_tokens=10)
    answer = answer_from_chunks(engine, CONTRACT, [OIL], "What?", short)
    assert answer.completion == "Answer: no"


def test_a_deadline_while_comparing_ends_the_answer():
    engine = KnowingEngine("Nut")
    late = replace(SETTINGS, deadline_seconds=1e-9)
    answer = answer_from_chunks(engine, CONTRACT, [TORQUE], "How tight?", late)
    assert answer.finish_reason == "deadline"
    assert answer.completion == ""


def test_many_questions_give_the_answers_of_each_alone():
    done = []
    cases = [([OIL], "a?"), ([TORQUE], "b?")]
    many = answer_many(
        KnowingEngine("Nut"), CONTRACT, cases, SETTINGS, on_done=lambda: done.append(1)
    )
    alone = [
        answer_from_chunks(KnowingEngine("Nut"), CONTRACT, *case, SETTINGS) for case in cases
    ]
    assert [a.completion for a in many] == [a.completion for a in alone]
    assert len(done) == 2


def test_candidates_are_sentences_items_and_rows_without_their_marks():
    assert candidates([OIL, TORQUE]) == [
        Candidate(1, "The oil is mineral."),
        Candidate(1, "It is changed every 2000 hours."),
        Candidate(2, "Loosen the nut."),
        Candidate(2, "Part | Torque"),
        Candidate(2, "Nut | 8 N·m"),
    ]


@given(st.text(max_size=200))
def test_every_candidate_of_any_text_is_a_quote_that_holds(text):
    for candidate in candidates([Passage("any", text)]):
        assert candidate.text in text
        if any(char.isalnum() for char in candidate.text):
            parsed = parse_answer(
                opening(candidate, CONTRACT) + " x",
                answer_marker=CONTRACT.answer_marker,
                refusal=CONTRACT.refusal,
            )
            assert parsed.quotes[0].text == candidate.text.strip()


spoken = st.builds(
    Evidence,
    st.lists(st.floats(-30, 0), min_size=1, max_size=DECISIVE_TOKENS).map(tuple),
    st.floats(-1, 1),
)
weighings = st.builds(Weights, *[st.floats(-50, 50) for _ in range(4)])


@given(st.lists(spoken, min_size=1, max_size=6), weighings)
def test_the_first_candidate_for_which_most_speaks_is_chosen(evidence, weights):
    choice = choose(evidence, weights)
    marks = [
        weights.likelihood * e.likelihood + weights.similarity * e.similarity for e in evidence
    ]
    assert choice.index == marks.index(max(marks))
    assert 0.0 <= choice.refusal_score <= 1.0


def test_the_more_speaks_for_the_best_the_lower_is_the_refusal_score():
    weights = Weights(0.5, 4.0, refusal_constant=1.0, refusal_slope=0.7)
    scores = [
        choose([Evidence((mean, mean), cosine)], weights).refusal_score
        for mean, cosine in [(-5.0, 0.1), (-1.0, 0.1), (-1.0, 0.8)]
    ]
    assert scores == sorted(scores, reverse=True)


def alike(favourite):
    return lambda question, texts: [0.9 if favourite in text else 0.1 for text in texts]


def test_the_embedder_can_outvote_the_model():
    settings = replace(SETTINGS, weights=Weights(0.1, 50.0, refusal_constant=-9.0))
    answer = answer_from_chunks(
        KnowingEngine("Nut"), CONTRACT, [OIL, TORQUE], "When?", settings, similar=alike("hours")
    )
    assert answer.completion.startswith('[1] "It is changed every 2000 hours."')


def test_the_device_asks_the_embedder_about_the_sentences_it_might_quote():
    class Searcher:
        asked = ()

        def search(self, question, top_k, view=EVERYTHING, *, words_only=False):
            return [Hit(OIL, 1.0, 1)]

        def similarities(self, question, texts):
            self.asked = (question, *texts)
            return [0.9] * len(texts)

        def boxes(self, chunk_id, span, view=EVERYTHING):
            return []

    searcher = Searcher()
    settings = replace(SETTINGS, weights=Weights(similarity=1.0))
    Answerer(KnowingEngine("oil"), searcher, CONTRACT, settings).ask("Which oil?")
    assert searcher.asked == (
        "Which oil?", "The oil is mineral.", "It is changed every 2000 hours."
    )  # fmt: skip


def test_similarity_that_counts_without_an_embedder_is_an_error_with_advice():
    settings = replace(SETTINGS, weights=Weights(similarity=1.0))
    with pytest.raises(ConfigError, match="needs an embedder"):
        answer_from_chunks(KnowingEngine("Nut"), CONTRACT, [OIL], "When?", settings)


def test_a_heading_is_no_candidate_even_where_a_table_of_contents_repeats_it():
    chunk = Passage(
        "c", "4.2 Oil\nIt is mineral.\n4.2 Oil \u2026 7", heading="4 Care > 4.2 Oil"
    )
    assert Candidate(1, "4.2 Oil") not in candidates([chunk])
    assert Candidate(1, "It is mineral.") in candidates([chunk])


def test_a_chosen_quote_is_found_in_its_chunk():
    for candidate in candidates([OIL, TORQUE]):
        chunk = (OIL, TORQUE)[candidate.number - 1]
        assert find_quote(candidate.text, chunk.text)


def test_limits_of_a_score_are_those_of_a_generation():
    assert KnowingEngine("x").score([[1]], [[2]], Limits(1)).interrupted is None
