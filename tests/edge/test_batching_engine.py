"""The engine for many, asked by one: the same texts, and limits that hold."""

import math
import threading
import time

import pytest

from batched_engines import ROUNDING, largest_margin
from engine_prompts import STORY, chat
from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.generation import Limits
from sfta_edge.quoting import ScoringEngine

QUESTIONS = [
    "What is the capital of France? Answer with one word.",
    "Name three metals.",
    "Say yes.",
    "Repeat three times: the pump is cooled by water.",
]


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf):
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


@pytest.fixture(name="fresh")
def _fresh(smollm2_gguf):
    """In an empty memory tokens lie where the other engine has them: nothing is rounded."""
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


def drained(steps, on_piece=lambda: None):
    pieces = []
    while True:
        try:
            pieces.append(next(steps))
        except StopIteration as end:
            return pieces, end.value
        on_piece()


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_caller_gets_what_the_other_engine_gives(many, engine, question):
    asked = chat(engine, question)
    alone = engine.generate(asked, max_tokens=16)
    found = many.generate(asked, max_tokens=16)
    assert found.finish_reason == alone.finish_reason
    if found.token_ids != alone.token_ids:
        # Guessed tokens are verified together, which adds in another order.
        assert largest_margin(engine, asked, found.token_ids) < ROUNDING
    assert found.prompt_tokens == alone.prompt_tokens


def test_without_guesses_one_caller_gets_the_same_to_the_bit(smollm2_gguf, engine):
    with BatchEngine(
        smollm2_gguf, context_tokens=256, threads=1, capacity=Capacity(guessed=0)
    ) as plain:
        for question in QUESTIONS:
            asked = chat(engine, question)
            alone = engine.generate(asked, max_tokens=12, first_token_bias={5: 0.0})
            found = plain.generate(asked, max_tokens=12, first_token_bias={5: 0.0})
            assert found.token_ids == alone.token_ids
            assert found.first_token_scores == alone.first_token_scores
            assert found.text == alone.text
        assert plain.counters().proposed_tokens == 0


def test_guesses_are_right_where_the_text_repeats(many, engine, monkeypatch):
    monkeypatch.setattr(many._computation.choice, "seconds", lambda tokens: 1.0)
    before = many.counters()
    asked = [engine.tokenize("A B C D E F G " * 6)]
    found = many.generate(asked, max_tokens=40)
    now = many.counters()
    assert now.accepted_tokens - before.accepted_tokens > 15
    assert largest_margin(engine, asked, found.token_ids) < ROUNDING


def test_it_satisfies_what_answers_are_made_with(many):
    asked: ScoringEngine = many
    assert asked.tokenize("x")
    assert many.name == many.model.metadata("general.name")
    assert (many.context_tokens, many.threads, many.alive) == (256, 1, True)


def test_scores_are_those_of_the_other_engine(fresh, engine):
    prompt = chat(engine, "Name a colour.")
    texts = (
        "Red is a colour.",
        "The",
        "Blue",
        "Red is nice",
        *(f"Word {n}" for n in range(20)),
    )
    options = [engine.tokenize(text) for text in texts]
    found, alone = (each.score(prompt, options, Limits(1)) for each in (fresh, engine))
    for ours, theirs in zip(found.options, alone.options, strict=True):
        assert ours == pytest.approx(theirs, abs=0.001)
    assert found.prompt_tokens == alone.prompt_tokens


def test_an_option_longer_than_a_batch_is_scored_to_its_end(fresh, engine):
    prompt = chat(engine, "Count.")
    option = engine.tokenize(" one two three" * 30)[:70]
    (found,), (alone,) = (
        each.score(prompt, [option], Limits(1)).options for each in (fresh, engine)
    )
    assert found == pytest.approx(alone, abs=0.001)


def test_no_options_have_no_scores(many, engine):
    assert many.score(chat(engine, "x"), [], Limits(1)).options == ()


def test_writing_after_comparing_reads_the_prompt_once(many, engine):
    prompt = chat(engine, "A question that nobody has asked before: what is a valve?")
    scored = many.score(
        prompt, [engine.tokenize("A valve is"), engine.tokenize("It")], Limits(1)
    )
    assert scored.reused_tokens < scored.prompt_tokens
    written = many.generate([*prompt, engine.tokenize("A valve is")], max_tokens=4)
    assert written.reused_tokens == scored.prompt_tokens


def test_the_common_beginning_is_not_computed_again(many, engine):
    system = "You answer questions about compressors, their oil and their filters."
    first = many.generate(chat(engine, "What is oil?", system), max_tokens=2)
    second = many.generate(chat(engine, "What is air?", system), max_tokens=2)
    assert first.reused_tokens == 0
    assert second.reused_tokens == len(chat(engine, "", system)[0])


def test_streamed_pieces_joined_are_the_text(many, engine):
    asked = chat(engine, "Write one sentence with the words Zürich, café and 你好.")
    pieces, done = drained(many.stream(asked, Limits(24)))
    assert "".join(pieces) == done.text


def test_the_token_budget_is_never_passed(many, engine):
    for budget in (1, 2, 9):
        done = many.generate(chat(engine, STORY), max_tokens=budget)
        assert len(done.token_ids) == budget
        assert done.finish_reason == "length"


def test_bytes_of_unfinished_characters_do_not_extend_the_budget(many, engine, monkeypatch):
    monkeypatch.setattr(many.model, "piece", lambda token: b"\xf0")
    done = many.generate(chat(engine, STORY), max_tokens=5)
    assert len(done.token_ids) == 5
    assert done.finish_reason == "length"
    assert set(done.text) == {"\ufffd"}


def test_a_stop_function_ends_a_generation(many, engine):
    done = many.generate(
        chat(engine, STORY), max_tokens=60, stop=lambda text: text.count(" ") >= 3
    )
    assert done.finish_reason == "stop"
    assert 4 <= len(done.token_ids) < 20


def test_a_stop_function_that_fails_fails_its_own_task(many, engine):
    def broken(text):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        many.generate(chat(engine, STORY), max_tokens=4, stop=broken)
    assert many.alive
    assert many.generate(chat(engine, "Say yes."), max_tokens=2).token_ids


def test_a_past_deadline_ends_before_the_prompt_is_read(many, engine):
    before = many.counters().prompt_tokens
    done = many.generate(chat(engine, "An unread question"), max_tokens=5, deadline=1e-9)
    assert (done.finish_reason, done.text, done.token_ids) == ("deadline", "", ())
    assert many.counters().prompt_tokens == before


def test_a_deadline_ends_a_generation_in_its_middle(many, engine):
    limits = Limits(150, deadline=1000.0)
    steps = many.stream(chat(engine, STORY), limits)
    first = next(steps)
    object.__setattr__(limits, "started", time.monotonic() - 2000)
    rest, done = drained(steps)
    assert done.finish_reason == "deadline"
    assert done.text == first + "".join(rest)
    assert len(done.token_ids) < 150


def test_cancelling_ends_a_generation(many, engine):
    cancel = threading.Event()
    _, done = drained(many.stream(chat(engine, STORY), Limits(150, cancel=cancel)), cancel.set)
    assert done.finish_reason == "cancelled"
    assert len(done.token_ids) < 150


def test_a_closed_stream_ends_its_task(many, engine):
    steps = many.stream(chat(engine, STORY), Limits(150))
    next(steps)
    steps.close()
    assert many.generate(chat(engine, "Say yes."), max_tokens=2, deadline=60).token_ids
    while many.counters().running:
        time.sleep(0.01)
    assert many.counters().decoded_tokens < 10_000


def test_a_passed_deadline_leaves_options_unscored(many, engine):
    scored = many.score(chat(engine, "A colour?"), [[5, 6]], Limits(1, deadline=1e-9))
    assert (scored.interrupted, scored.options) == ("deadline", ())


def test_a_bias_moves_the_first_token_only(many, engine):
    token = engine.tokenize("no")[0]
    done = many.generate(
        chat(engine, "Say yes."), max_tokens=4, first_token_bias={token: 100.0}
    )
    assert done.token_ids[0] == token
    assert done.token_ids[1:] != (token,) * 3
    assert 0 < done.first_token_scores[token] < 0.5
    assert math.isfinite(done.timings.prefill_ms + done.timings.decode_ms)
