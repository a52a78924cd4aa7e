"""The engine: limits that hold, results that do not depend on what was asked before."""

import math
import threading
import time

import numpy as np
import pytest

from engine_prompts import STORY, chat
from sfta_edge.generation import Limits
from sfta_edge.prefill import first_token_scores


def drained(steps, on_piece=lambda: None):
    """The pieces and the result of a stream."""
    pieces = []
    while True:
        try:
            pieces.append(next(steps))
        except StopIteration as end:
            return pieces, end.value
        on_piece()


def forget(engine):
    """Make the engine start from nothing, as after loading."""
    engine.generate([1], max_tokens=1)


def test_a_question_gets_a_sensible_answer(engine):
    asked = chat(engine, "What is the capital of France? Answer with one word.")
    done = engine.generate(asked, max_tokens=20)
    assert "Paris" in done.text
    assert done.finish_reason == "stop"
    assert done.prompt_tokens == sum(map(len, asked))


def test_greedy_takes_the_most_probable_token(engine):
    asked = chat(engine, STORY)
    done = engine.generate(asked, max_tokens=3)
    expected = []
    for _ in range(3):
        expected.append(int(np.argmax(engine.logits([*asked, expected]))))
    assert list(done.token_ids) == expected


def test_the_token_budget_is_never_passed(engine):
    for budget in (1, 2, 7):
        done = engine.generate(chat(engine, STORY), max_tokens=budget)
        assert len(done.token_ids) == budget
        assert done.finish_reason == "length"


def test_bytes_of_unfinished_characters_do_not_extend_the_budget(engine, monkeypatch):
    """A model that repeats the first byte of a character never completes one."""
    monkeypatch.setattr(engine.model, "piece", lambda token: b"\xf0")
    done = engine.generate(chat(engine, STORY), max_tokens=5)
    assert len(done.token_ids) == 5
    assert done.finish_reason == "length"
    assert done.text
    assert set(done.text) == {"\ufffd"}


def test_the_end_token_is_not_part_of_the_answer(engine):
    done = engine.generate(chat(engine, "Say yes."), max_tokens=40)
    assert done.finish_reason == "stop"
    assert not any(engine.model.ends(token) for token in done.token_ids)
    assert "<|im_end|>" not in done.text


def test_a_stop_function_ends_a_generation(engine):
    done = engine.generate(
        chat(engine, STORY), max_tokens=60, stop=lambda text: text.count(" ") >= 3
    )
    assert done.finish_reason == "stop"
    assert 4 <= len(done.token_ids) < 20


def test_a_past_deadline_ends_before_the_prompt_is_read(engine):
    forget(engine)
    done = engine.generate(chat(engine, STORY), max_tokens=5, deadline=1e-9)
    assert done.finish_reason == "deadline"
    assert done.text == ""
    assert done.token_ids == ()


def test_a_deadline_ends_a_generation_in_its_middle(engine):
    limits = Limits(150, deadline=1000.0)
    steps = engine.stream(chat(engine, STORY), limits)
    first = next(steps)
    # As if the clock had moved on: no test should wait for a clock.
    object.__setattr__(limits, "started", time.monotonic() - 2000)
    rest, done = drained(steps)
    assert done.finish_reason == "deadline"
    assert done.text == first + "".join(rest)
    assert len(done.token_ids) < 5


def test_cancelling_ends_a_generation(engine):
    cancel = threading.Event()
    steps = engine.stream(chat(engine, STORY), Limits(150, cancel=cancel))
    pieces, done = drained(steps, on_piece=cancel.set)
    assert done.finish_reason == "cancelled"
    assert len(pieces) <= 2


def test_cancelling_before_the_prompt_computes_nothing(engine):
    cancel = threading.Event()
    cancel.set()
    done = engine.generate(chat(engine, "What is new?"), max_tokens=4, cancel=cancel)
    assert (done.finish_reason, done.token_ids) == ("cancelled", ())


def test_a_closed_stream_lets_the_next_caller_in(engine):
    steps = engine.stream(chat(engine, STORY), Limits(150))
    next(steps)
    steps.close()
    assert engine.generate(chat(engine, "Say yes."), max_tokens=2, deadline=60).token_ids


def test_a_caller_waits_no_longer_than_its_deadline(engine):
    steps = engine.stream(chat(engine, STORY), Limits(150))
    next(steps)
    try:
        done = engine.generate(chat(engine, "Say yes."), max_tokens=2, deadline=0.02)
    finally:
        steps.close()
    assert (done.finish_reason, done.token_ids) == ("deadline", ())


def test_streamed_pieces_joined_are_the_text(engine):
    asked = chat(engine, "Write one sentence with the words Zürich, café and 你好.")
    pieces, done = drained(engine.stream(asked, Limits(24)))
    assert "".join(pieces) == done.text
    assert "".join(pieces) == engine.generate(asked, max_tokens=24).text


def test_what_was_asked_before_does_not_change_a_bit(engine):
    long_text = "The pump is cooled by water and the fan turns. " * 5
    asked = chat(engine, long_text + "What turns?")
    forget(engine)
    fresh = engine.logits(asked)
    engine.generate(chat(engine, long_text + "What is cooled?"), max_tokens=8)
    again = engine.logits(asked)
    assert np.array_equal(fresh, again)


def test_the_common_beginning_is_not_computed_again(engine):
    system = "You answer questions about compressors, their oil and their filters."
    forget(engine)
    first = engine.generate(chat(engine, "What is oil?", system), max_tokens=2)
    second = engine.generate(chat(engine, "What is air?", system), max_tokens=2)
    prefix = len(chat(engine, "", system)[0])
    assert first.reused_tokens == 0
    assert second.reused_tokens == prefix


def test_the_same_prompt_again_still_computes_its_last_piece(engine):
    asked = chat(engine, "What is steam?")
    first = engine.generate(asked, max_tokens=6)
    second = engine.generate(asked, max_tokens=6)
    assert second.token_ids == first.token_ids
    assert second.reused_tokens == sum(map(len, asked[:-1]))


def test_memory_is_intact_after_an_interruption(engine):
    asked = chat(engine, "Name three metals.")
    forget(engine)
    expected = engine.generate(asked, max_tokens=8).token_ids
    engine.generate(asked, max_tokens=8, deadline=1e-9)
    steps = engine.stream(chat(engine, STORY), Limits(50))
    next(steps)
    steps.close()
    assert engine.generate(asked, max_tokens=8).token_ids == expected


def test_segments_and_flat_ids_are_the_same_prompt(engine):
    asked = chat(engine, "What is steam?")
    flat = [token for segment in asked for token in segment]
    assert np.allclose(engine.logits(asked), engine.logits(flat), atol=0.05)


def test_special_spellings_in_content_stay_text(engine):
    text = "<|im_end|>"
    assert len(engine.tokenize(text, True)) == 1
    content = engine.tokenize(text)
    assert len(content) > 1
    assert not any(engine.model.ends(token) for token in content)


@pytest.mark.parametrize(
    "text", ["", "a", "  two  spaces\n\n", "Zürich 你好 🙂", "\x00x", "\ud800"]
)
def test_any_text_can_be_tokenized(engine, text):
    ids = engine.tokenize(text)
    back = b"".join(engine.model.piece(token) for token in ids)
    assert back == text.encode("utf-8", "replace")


def test_a_bias_moves_the_first_token_only(engine):
    asked = chat(engine, "Say yes.")
    token = engine.tokenize("no")[0]
    done = engine.generate(asked, max_tokens=4, first_token_bias={token: 100.0})
    assert done.token_ids[0] == token
    assert done.token_ids[1:] != (token,) * 3


def test_a_score_above_one_half_means_first_choice(engine):
    asked = chat(engine, "Say yes.")
    order = np.argsort(engine.logits(asked))[::-1]
    best, second = int(order[0]), int(order[1])
    done = engine.generate(asked, max_tokens=1, first_token_bias={best: 0.0, second: 0.0})
    assert done.first_token_scores[best] > 0.5 > done.first_token_scores[second]
    assert math.isclose(sum(done.first_token_scores.values()), 1.0, rel_tol=1e-6)


def test_a_threshold_as_a_bias_decides_by_the_score(engine):
    asked = chat(engine, "Say yes.")
    token = int(np.argsort(engine.logits(asked))[::-1][1])
    score = first_token_scores(engine.logits(asked), {token: 0.0})[token]
    for threshold, chosen in ((score * 0.9, True), (min(0.99, score * 1.1), False)):
        bias = math.log((1 - threshold) / threshold)
        done = engine.generate(asked, max_tokens=1, first_token_bias={token: bias})
        assert (done.token_ids == (token,)) is chosen
