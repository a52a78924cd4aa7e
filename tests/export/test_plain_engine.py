"""A model that is no GGUF file answers as a device would: same text, same scores, same limits."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.adapters.hub import hf_spell, hf_tokenize
from sfta_edge.answer import answer_from_chunks, answer_many
from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import ContextOverflowError, Limits, drain
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings
from sfta_export.plain_engine import PlainEngine
from sfta_export.reference import load_folder
from sfta_export.steppers import TorchStepper

WORDS, END = 16, 15


class Counting:
    """After each token the next number is the most probable one; notes what is read."""

    def __init__(self):
        self.held, self.read_at = [], []

    def begin(self):
        self.held.clear()

    def read(self, ids, rows=1):
        self.read_at.append((len(self.held), tuple(ids)))
        self.held += ids
        return np.stack([self.row(token) for token in self.held[-rows:]])

    def row(self, token):
        row = np.zeros(WORDS, dtype=np.float32)
        row[(token + 1) % WORDS] = 3.0
        return row

    def back_to(self, count):
        del self.held[count:]


def make_engine(stepper, **changes):
    settings = {"ends": [END], "context_tokens": 64} | changes
    return PlainEngine(
        stepper, lambda text, _special: [ord(c) % 15 for c in text], lambda ids: f"{ids}",
        **settings,
    )  # fmt: skip


@pytest.fixture
def stepper():
    return Counting()


@pytest.fixture
def engine(stepper):
    with make_engine(stepper) as made:
        yield made


def write(engine, prompt, most=20, **limits):
    return drain(engine.stream(prompt, Limits(most, **limits)))


def test_an_answer_ends_before_the_token_that_ends_it(engine):
    found = write(engine, [[3, 4], [11]])
    assert found.token_ids == (12, 13, 14)
    assert (found.finish_reason, found.prompt_tokens) == ("stop", 3)


def test_an_answer_ends_where_it_may_be_no_longer(engine):
    assert write(engine, [[2]], most=4).token_ids == (3, 4, 5, 6)
    assert write(engine, [[2]], most=4).finish_reason == "length"


def test_a_bias_counts_for_the_first_token_only(engine):
    found = write(engine, [[2]], most=3, first_token_bias={7: 4.0})
    assert found.token_ids == (7, 8, 9)
    assert found.first_token_scores[7] == pytest.approx(1 / (1 + np.exp(3)))


def test_writing_ends_where_the_text_says_so_or_somebody_does(engine):
    stopped = write(engine, [[2]], stop=lambda text: text.endswith("5]"))
    assert (stopped.token_ids, stopped.finish_reason) == ((3, 4, 5), "stop")
    cancel = threading.Event()
    cancel.set()
    assert write(engine, [[2]], cancel=cancel).finish_reason == "cancelled"


def test_options_are_scored_token_by_token_and_leave_nothing(engine, stepper):
    found = engine.score([[2, 3]], [[4, 5], [9], [4, 9, 10]], Limits(5))
    likely, unlikely = 3 - np.log(np.exp(3) + 15), -np.log(np.exp(3) + 15)
    assert found.options[0] == pytest.approx((likely, likely))
    assert found.options[1] == pytest.approx((unlikely,))
    assert found.options[2] == pytest.approx((likely, unlikely, likely))
    assert stepper.held == [2, 3]


def test_what_goes_on_from_the_last_prompt_is_not_read_again(engine, stepper):
    engine.score([[2, 3]], [[4]], Limits(5))
    stepper.read_at.clear()
    assert write(engine, [[2, 3], [11, 12]]).reused_tokens == 2
    assert stepper.read_at[0] == (2, (11, 12))
    assert write(engine, [[2, 3], [11, 12]]).reused_tokens == 0


def test_scoring_can_be_interrupted(engine):
    cancel = threading.Event()
    cancel.set()
    found = engine.score([[2]], [[3], [4]], Limits(5, cancel=cancel))
    assert (found.options, found.interrupted) == ((), "cancelled")


def test_a_model_that_failed_in_the_middle_is_read_from_the_start(engine, stepper, monkeypatch):
    def fail(*_):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Counting, "row", fail)
        with pytest.raises(ConnectionError):
            write(engine, [[2, 3]])
    assert write(engine, [[2, 3, 11]]).token_ids == (12, 13, 14)
    assert stepper.held[:3] == [2, 3, 11]


def test_what_does_not_fit_is_refused_before_it_is_read(engine, stepper):
    with pytest.raises(ContextOverflowError, match="60"):
        write(engine, [[1] * 60])
    with pytest.raises(ContextOverflowError):
        engine.score([[1] * 60], [[1] * 5], Limits(1))
    assert stepper.read_at == []


def test_nothing_is_no_prompt_and_no_option(engine):
    with pytest.raises(ConfigError, match="at least one token"):
        write(engine, [[]])
    with pytest.raises(ConfigError, match="an option needs"):
        engine.score([[1]], [[2], []], Limits(1))


def test_what_is_no_number_is_no_answer(engine, monkeypatch):
    monkeypatch.setattr(Counting, "row", lambda *_: np.full(WORDS, np.nan, np.float32))
    with pytest.raises(IntegrityError, match="no numbers"):
        write(engine, [[1]])


PROMPTS = st.lists(st.lists(st.integers(0, 14), min_size=1, max_size=6), min_size=1, max_size=5)


@given(PROMPTS)
def test_an_answer_does_not_depend_on_what_was_asked_before(prompts):
    engine, done = make_engine(Counting()), []
    together = engine.generate_many(
        [[p] for p in prompts], max_tokens=5, on_done=lambda: done.append(1)
    )
    alone = [write(make_engine(Counting()), [prompt], most=5) for prompt in prompts]
    assert [g.token_ids for g in together] == [g.token_ids for g in alone]
    assert len(done) == len(prompts)


def chunk(name, text):
    return Chunk(name, "d", "Manual", 1, "Data", text, 0, len(text), "manual.md")


CHUNKS = [
    chunk("a", "The pump weighs 3 kg. It is oiled every week."),
    chunk("b", "The valve is made of brass. It opens at 4 bar."),
]


@pytest.fixture(scope="module")
def both(model_dir, f16, tokenizer):
    """The tiny model on a device and in PyTorch."""
    plain = PlainEngine(
        TorchStepper(load_folder(model_dir)), hf_tokenize(tokenizer), hf_spell(tokenizer),
        ends=[2, 0], context_tokens=1024,
    )  # fmt: skip
    with Engine(f16, context_tokens=1024, threads=1) as device:
        yield device, plain


@pytest.mark.tools
def test_it_scores_as_a_device_does(both, contract):
    prompt = contract.prompt_ids(CHUNKS, "How heavy is the pump?", both[0].tokenize)
    options = [both[0].tokenize(text) for text in ('[1] "The pump weighs', "[2] brass", "No")]
    device, plain = (engine.score(prompt, options, Limits(20)).options for engine in both)
    for one, two in zip(device, plain, strict=True):
        assert one == pytest.approx(two, abs=0.02)


@pytest.mark.tools
@pytest.mark.parametrize("choose", [False, True])
def test_it_answers_as_a_device_does(both, contract, choose):
    settings = AnswerSettings(max_tokens=24, choose_quotes=choose, refusal_threshold=0.99)
    device, plain = (
        answer_from_chunks(engine, contract, CHUNKS, "How heavy is the pump?", settings)
        for engine in both
    )
    assert plain.completion == device.completion
    assert plain.completion
    assert plain.refusal_score == pytest.approx(device.refusal_score, abs=0.01)
    assert plain.usage["prompt_tokens"] == device.usage["prompt_tokens"]


@pytest.mark.tools
def test_many_questions_get_the_answers_that_each_gets_alone(both, contract):
    cases = [(CHUNKS, "How heavy is the pump?"), (CHUNKS[1:], "What is brass?")]
    settings = AnswerSettings(max_tokens=12, choose_quotes=True)
    together = answer_many(both[1], contract, cases, settings)
    alone = [answer_from_chunks(both[1], contract, *case, settings) for case in cases]
    assert [a.completion for a in together] == [a.completion for a in alone]
