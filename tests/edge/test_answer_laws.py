"""Laws of settings, places in the queue and answers, for any input."""

import json
import math
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge import gate as gate_module
from sfta_edge.citation import ParsedAnswer, Quote, find_quote
from sfta_edge.errors import ConfigError
from sfta_edge.gate import BusyError, Gate
from sfta_edge.reply import Answer, Citation, cite
from sfta_edge.retriever import Box
from sfta_edge.settings import AnswerSettings

COUNTS = st.integers(1, 10_000)
SHARES = st.floats(0, 1, exclude_min=True, exclude_max=True).filter(lambda x: x > 1e-300)
SETTINGS = st.builds(
    AnswerSettings,
    top_k=COUNTS,
    candidates=COUNTS,
    max_tokens=COUNTS,
    context_tokens=st.none() | COUNTS,
    deadline_seconds=st.none() | st.floats(0.001, 1e6),
    refusal_threshold=SHARES,
)
TEXTS = st.text(alphabet="ab 1.\n", max_size=30)


@dataclass(frozen=True)
class Passage:
    id: str
    text: str
    title: str = "Manual"
    name: str = "manual.pdf"
    page: int = 1
    heading: str = ""
    document_id: str = "manual"


class Clock:
    """Time that passes only when told."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture(name="clock")
def _clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(gate_module, "time", clock)
    return clock


def parsed(quotes):
    return ParsedAnswer(tuple(quotes), "x", refused=False, well_formed=True)


@given(SETTINGS)
def test_settings_survive_the_manifest(settings):
    facts = json.loads(json.dumps(asdict(settings)))
    assert AnswerSettings.from_facts(facts) == settings


@given(SHARES, SHARES)
def test_a_higher_threshold_never_makes_refusing_easier(one, other):
    low, high = sorted((one, other))
    biases = [AnswerSettings(refusal_threshold=t).refusal_bias for t in (low, high)]
    assert biases[0] >= biases[1]


@given(st.floats(0.001, 0.999))
def test_the_bias_is_symmetric_around_the_model_s_own_choice(threshold):
    bias = AnswerSettings(refusal_threshold=threshold).refusal_bias
    mirrored = AnswerSettings(refusal_threshold=1 - threshold).refusal_bias
    assert math.isclose(bias, -mirrored, rel_tol=1e-6, abs_tol=1e-9)


@given(st.sampled_from(["top_k", "candidates", "max_tokens", "context_tokens"]), COUNTS)
def test_no_count_below_one_is_a_setting(name, count):
    with pytest.raises(ConfigError, match=name):
        AnswerSettings.from_facts({name: 1 - count})


@pytest.mark.parametrize("seconds", [True, -1, math.nan])
def test_a_deadline_is_a_positive_number(seconds):
    with pytest.raises(ConfigError, match="deadline_seconds"):
        AnswerSettings(deadline_seconds=seconds)


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=40))
def test_the_queue_counts_exactly_those_inside(places, moves):
    gate, inside = Gate(places), []
    for arrives in moves:
        if not arrives:
            if inside:
                inside.pop(0).release()
        elif len(inside) < places:
            inside.append(gate.enter())
        else:
            with pytest.raises(BusyError):
                gate.enter()
        assert gate.waiting == len(inside)


@pytest.mark.parametrize(
    ("seconds", "questions", "advice"),
    [(5.0, 1, 5), (5.0, 30, 5), (60.0, 1, 16), (60.0, 60, 60), (0.0, 60, 1)],
)
def test_the_advice_to_wait_follows_what_questions_take(clock, seconds, questions, advice):
    gate = Gate(1)
    for _ in range(questions):
        ticket = gate.enter()
        clock.now += seconds
        ticket.release()
    gate.enter()
    with pytest.raises(BusyError) as caught:
        gate.enter()
    assert caught.value.retry_after == advice
    assert f"{advice} seconds" in caught.value.hint


@pytest.mark.parametrize(("after", "stuck"), [(10, False), (39, False), (41, True)])
def test_an_engine_hangs_only_after_the_longest_time_and_grace(clock, after, stuck):
    gate = Gate(2, longest_seconds=10)
    ticket = gate.enter()
    clock.now += after
    gate.enter()
    assert gate.stuck is stuck
    ticket.release()
    assert not gate.stuck


def test_a_ticket_of_another_queue_frees_nothing_here():
    gate, other = Gate(1), Gate(1)
    gate.enter()
    gate.leave(other.enter())
    assert (gate.waiting, other.waiting) == (1, 1)


@given(
    st.lists(TEXTS, max_size=3),
    st.lists(st.builds(Quote, st.integers(0, 5), TEXTS), max_size=5),
)
def test_a_citation_is_verified_exactly_if_its_quote_stands_somewhere(texts, quotes):
    chunks = [Passage(str(n), text) for n, text in enumerate(texts)]
    for quote in quotes:
        (citation,) = cite(parsed([quote]), chunks)
        stands = [n for n, text in enumerate(texts, 1) if find_quote(quote.text, text)]
        assert citation.verified is bool(stands)
        if stands:
            assert citation.quote in texts[citation.number - 1]
            assert citation.corrected is (quote.number not in stands)
        else:
            assert (citation.number, citation.quote) == (quote.number, quote.text)


@given(st.lists(st.builds(Quote, st.integers(1, 2), TEXTS), max_size=5))
def test_saying_everything_twice_adds_no_citation(quotes):
    chunks = [Passage("a", "a 1. b a"), Passage("b", "b 1.1 a")]
    assert cite(parsed(quotes + quotes), chunks) == cite(parsed(quotes), chunks)


def test_the_named_chunk_wins_where_a_quote_stands_in_two():
    chunks = [Passage("a", "The limit is 9 bar."), Passage("b", "Note: the limit is 9 bar.")]
    (citation,) = cite(parsed([Quote(2, "the limit is 9 bar")]), chunks)
    assert (citation.chunk_id, citation.corrected) == ("b", False)


def test_a_citation_in_the_api_form_holds_its_rectangles_as_plain_numbers():
    box = Box(1, 10.0, 20.0, 30.0, 40.0, 595.0, 842.0)
    citation = Citation(1, "q", verified=True, boxes=(box,))
    form = json.loads(json.dumps(citation.to_json()))
    assert form["boxes"] == [asdict(box)]
    assert (form["verified"], form["corrected"], form["document"]) == (True, False, None)


def test_an_answer_in_the_api_form_says_what_answered_and_rounds_its_times():
    answer = Answer("q", "a", False, True, (), "c", "stop", timings_ms={"prompt": 1.26})
    form = answer.to_json({"counter": 3})
    assert form["bundle"] == {"counter": 3}
    assert form["timings_ms"] == {"prompt": 1.3}
    assert form["supported"] is False
    assert answer.to_json()["bundle"] is None
