"""From question to answer: what fits, what is refused, what is cited."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.answer import Answerer, AnswerSettings, answer_from_chunks, answer_many
from sfta_edge.caller import EVERYTHING
from sfta_edge.citation import Span
from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError, Generation
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Box, Hit

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
    title: str = "Operator manual"
    name: str = "manual.pdf"
    page: int = 4
    heading: str = ""
    document_id: str = "manual"


OIL = Passage("oil", "The oil is changed every 2000 hours.")
NOISE = Passage("noise", "The noise level is 74 dB(A).")
LONG = Passage("long", "x" * 500)


class ScriptedEngine:
    """Characters are tokens; it writes what it is told and remembers what it was asked."""

    def __init__(self, text, context_tokens=400):
        self.text, self.context_tokens, self.prompts, self.limits = text, context_tokens, [], []

    def tokenize(self, text, special=False):
        return [ord(char) for char in text]

    def generate(
        self, prompt, *, max_tokens, deadline=None, cancel=None, first_token_bias=None
    ):
        self.prompts.append("".join(chr(t) for segment in prompt for t in segment))
        self.limits.append((max_tokens, deadline, first_token_bias))
        scores = dict.fromkeys(first_token_bias or {}, 0.25)
        count = sum(map(len, prompt))
        tokens = tuple(map(ord, self.text[:max_tokens]))
        return Generation(self.text, tokens, "stop", count, first_token_scores=scores)

    def stream(self, prompt, limits):
        yield from self.text
        return self.generate(
            prompt,
            max_tokens=limits.max_tokens,
            deadline=limits.deadline,
            first_token_bias=limits.first_token_bias,
        )

    def generate_many(self, prompts, *, max_tokens, first_token_bias=None, on_done=None):
        made = []
        for prompt in prompts:
            made.append(
                self.generate(prompt, max_tokens=max_tokens, first_token_bias=first_token_bias)
            )
            if on_done:
                on_done()
        return made


class ListSearcher:
    def __init__(self, *chunks):
        self.chunks, self.asked = chunks, []

    def search(self, question, top_k, view=EVERYTHING, *, words_only=False):
        self.asked.append((question, top_k))
        return [Hit(c, 1.0 / n, n) for n, c in enumerate(self.chunks[:top_k], 1)]

    def similarities(self, question, texts):
        return [0.0] * len(texts)

    def boxes(self, chunk_id, span, view=EVERYTHING):
        return [Box(4, span.start, 0, span.end, 10, 595, 842)]


GOOD = '[1] "changed every 2000 hours"\nAnswer: every 2000 hours'


def short(**changes):
    return AnswerSettings(**({"max_tokens": 60, "top_k": 2} | changes))


def test_an_answer_comes_with_its_quote_and_place():
    engine, searcher = ScriptedEngine(GOOD), ListSearcher(OIL, NOISE)
    answer = Answerer(engine, searcher, CONTRACT, short()).ask("When is the oil due?")
    assert answer.answer == "every 2000 hours"
    assert answer.supported
    assert answer.well_formed
    (citation,) = answer.citations
    assert (citation.chunk_id, citation.page, citation.quote) == (
        "oil",
        4,
        "changed every 2000 hours",
    )
    assert citation.boxes == (Box(4, 11, 0, 35, 10, 595, 842),)
    assert [hit.chunk.id for hit in answer.hits] == ["oil", "noise"]
    assert set(answer.timings_ms) == {"retrieve", "prefill", "decode", "total"}


def test_the_model_reads_the_chunks_in_their_order():
    engine = ScriptedEngine(GOOD)
    answer_from_chunks(engine, CONTRACT, [OIL, NOISE], "When?", short())
    assert engine.prompts == [f"<s|[1] {OIL.text}\n[2] {NOISE.text}\nQ: When?>"]


def test_the_lowest_ranked_chunks_are_left_out_first_and_named():
    engine = ScriptedEngine(GOOD, context_tokens=170)
    answer = answer_from_chunks(engine, CONTRACT, [OIL, LONG, NOISE], "When?", short())
    assert answer.dropped == ("long", "noise")
    assert LONG.text not in engine.prompts[0]
    assert OIL.text in engine.prompts[0]
    assert answer.to_json()["dropped_chunks"] == ["long", "noise"]


def test_a_dropped_chunk_cannot_be_cited():
    engine = ScriptedEngine('[2] "noise level is 74"\nAnswer: 74', context_tokens=120)
    answer = answer_from_chunks(engine, CONTRACT, [OIL, NOISE], "How loud?", short())
    assert answer.dropped == ("noise",)
    assert not answer.supported


def test_settings_can_allow_less_context_than_the_engine_has():
    engine = ScriptedEngine(GOOD, context_tokens=4000)
    settings = short(context_tokens=130)
    answer = answer_from_chunks(engine, CONTRACT, [OIL, NOISE], "When?", settings)
    assert answer.dropped == ("noise",)


def test_settings_cannot_allow_more_context_than_the_engine_has():
    engine = ScriptedEngine(GOOD, context_tokens=130)
    settings = short(context_tokens=4000)
    answer = answer_from_chunks(engine, CONTRACT, [OIL, NOISE], "When?", settings)
    assert answer.dropped == ("noise",)


@given(room=st.integers(70, 400), lengths=st.lists(st.integers(1, 120), max_size=6))
def test_what_is_asked_always_fits(room, lengths):
    engine = ScriptedEngine("x", context_tokens=room)
    chunks = [Passage(str(n), "y" * length) for n, length in enumerate(lengths)]
    settings = AnswerSettings(max_tokens=30)
    try:
        answer = answer_from_chunks(engine, CONTRACT, chunks, "When?", settings)
    except ContextOverflowError:
        assert not engine.prompts
        return
    assert len(engine.prompts[0]) + 30 <= room
    kept = len(chunks) - len(answer.dropped)
    assert list(answer.dropped) == [chunk.id for chunk in chunks[kept:]]


def test_a_question_too_long_for_even_one_chunk_is_refused_before_the_model_runs():
    engine = ScriptedEngine(GOOD, context_tokens=100)
    with pytest.raises(ContextOverflowError, match="100"):
        answer_from_chunks(engine, CONTRACT, [OIL], "w" * 80, short())
    assert engine.prompts == []


def test_without_chunks_the_answer_is_the_refusal_and_nothing_is_asked():
    engine = ScriptedEngine(GOOD)
    answer = Answerer(engine, ListSearcher(), CONTRACT, short()).ask("Who?")
    assert answer.refused
    assert answer.answer == CONTRACT.refusal
    assert engine.prompts == []


def test_a_refusal_is_not_an_answer():
    engine = ScriptedEngine(CONTRACT.refusal)
    answer = answer_from_chunks(engine, CONTRACT, [OIL], "Who?", short())
    assert answer.refused
    assert answer.citations == ()
    assert not answer.supported


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(question):
    with pytest.raises(ConfigError, match="empty"):
        Answerer(ScriptedEngine(GOOD), ListSearcher(OIL), CONTRACT).ask(question)


@given(st.text(max_size=120))
def test_odd_output_of_a_model_is_an_answer_like_any_other(text):
    engine = ScriptedEngine(text, context_tokens=1000)
    answer = Answerer(engine, ListSearcher(OIL), CONTRACT, short()).ask("When?")
    assert answer.completion == text
    assert isinstance(answer.to_json(), dict)


def test_no_verified_quote_is_no_support():
    engine = ScriptedEngine('[1] "changed every 3000 hours"\nAnswer: every 3000 hours')
    answer = answer_from_chunks(engine, CONTRACT, [OIL], "When?", short())
    assert answer.answer == "every 3000 hours"
    assert not answer.supported
    assert not answer.citations[0].verified


def test_the_threshold_becomes_a_bias_on_the_first_token_of_the_refusal():
    engine = ScriptedEngine(GOOD)
    answer = answer_from_chunks(engine, CONTRACT, [OIL], "When?", short(refusal_threshold=0.2))
    _, _, bias = engine.limits[0]
    assert bias == {ord("N"): pytest.approx(math.log(4))}
    assert answer.refusal_score == 0.25


def test_limits_are_those_of_the_settings():
    engine = ScriptedEngine(GOOD)
    settings = short(max_tokens=33, deadline_seconds=9.0)
    answer_from_chunks(engine, CONTRACT, [OIL], "When?", settings)
    assert engine.limits[0][:2] == (33, 9.0)


def test_the_stream_gives_the_completion_and_then_the_answer():
    answerer = Answerer(ScriptedEngine(GOOD), ListSearcher(OIL), CONTRACT, short())
    pieces, results = [], []

    def listen():
        results.append((yield from answerer.stream("When?")))

    pieces.extend(listen())
    assert "".join(pieces) == GOOD == results[0].completion


def test_many_answers_are_what_each_is_alone():
    cases = [([OIL, NOISE], "When?"), ([NOISE], "How loud?"), ([], "Who?")]
    engine, done = ScriptedEngine(GOOD), []
    together = answer_many(engine, CONTRACT, cases, short(), on_done=lambda: done.append(1))
    alone = [answer_from_chunks(engine, CONTRACT, *case, short()) for case in cases]
    assert together == alone
    assert len(done) == 3


def test_many_answers_of_nothing_are_nothing():
    assert answer_many(ScriptedEngine(GOOD), CONTRACT, [], short()) == []


def test_a_real_model_is_asked_and_its_words_are_checked(engine, retriever, contract):
    """The small base model was never trained on the answer form: anything but a crash."""
    settings = AnswerSettings(top_k=2, max_tokens=24)
    answer = Answerer(engine, retriever, contract, settings).ask("How often is oil changed?")
    assert answer.hits[0].chunk.id == "oil"
    assert 0 < answer.usage["completion_tokens"] <= 24
    assert 0 <= answer.refusal_score <= 1
    assert answer.completion


def test_a_real_model_that_is_told_what_to_write_is_cited(
    engine, retriever, contract, monkeypatch
):
    """The whole path but the choice of tokens: retrieval, prompt, text, quote, boxes."""
    text = '[1] "changed every 2000 hours"\nAnswer: every 2000 hours'
    script = iter([*engine.tokenize(text), engine.tokenize("<|im_end|>", True)[0]])
    monkeypatch.setattr(engine._context, "best", lambda *_: next(script))
    settings = AnswerSettings(top_k=2, max_tokens=60)
    answer = Answerer(engine, retriever, contract, settings).ask("How often is oil changed?")
    assert answer.completion == text
    (citation,) = answer.citations
    assert (citation.verified, citation.document, citation.page) == (True, "manual.pdf", 1)
    assert citation.span == Span(11, 35)
    assert citation.boxes == (Box(1, 50.0, 100.0, 500.0, 112.0, 595.0, 842.0),)
