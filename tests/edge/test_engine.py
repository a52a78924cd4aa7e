"""The engine: limits that hold, results that do not depend on what was asked before."""

import math
import threading
import time

import numpy as np
import pytest

from sfta_edge import engine as engine_module
from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import ContextOverflowError, Limits
from sfta_edge.prefill import first_token_scores

STORY = "Write a long story about a pump."


def chat(engine, text, system="You are brief."):
    """A prompt in three segments."""
    return [
        engine.tokenize(f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n", True),
        engine.tokenize(text),
        engine.tokenize("<|im_end|>\n<|im_start|>assistant\n", True),
    ]


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


def test_what_does_not_fit_is_refused_with_its_numbers(engine):
    with pytest.raises(ContextOverflowError, match=r"250 tokens.* 25 .*256") as caught:
        engine.generate([5] * 250, max_tokens=25)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.hint


def test_what_just_fits_is_answered(engine):
    done = engine.generate([engine.tokenize("the pump ")[0]] * 252, max_tokens=4)
    assert done.prompt_tokens == 252


@pytest.mark.parametrize("prompt", [[], [[]], [[], []]])
def test_an_empty_prompt_is_refused(engine, prompt):
    with pytest.raises(ConfigError, match="at least one token"):
        engine.generate(prompt, max_tokens=1)


@pytest.mark.parametrize("token", [-1, 10**6])
def test_a_token_outside_the_vocabulary_is_refused(engine, token):
    with pytest.raises(ConfigError, match="not in the vocabulary"):
        engine.generate([token], max_tokens=1)


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 0}, {"max_tokens": True}, {"max_tokens": 1, "deadline": 0.0}]
)
def test_limits_that_mean_nothing_are_refused(engine, wrong):
    with pytest.raises(ConfigError):
        engine.generate([1], **wrong)


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


def test_threads_that_share_an_engine_get_their_own_answers(engine):
    questions = [f"Count from {n} to {n + 3}." for n in range(1, 5)]
    expected = [engine.generate(chat(engine, q), max_tokens=5).token_ids for q in questions]
    found = [None] * len(questions)

    def ask(index):
        found[index] = engine.generate(chat(engine, questions[index]), max_tokens=5).token_ids

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_many_at_once_give_what_each_gives_alone(engine):
    asked = [chat(engine, f"Name {n} metals and their use.") for n in range(2, 6)]
    alone = [engine.generate(prompt, max_tokens=8) for prompt in asked]
    done = []
    together = engine.generate_many(
        asked, max_tokens=8, parallel=3, on_done=lambda: done.append(1)
    )
    same = sum(a.token_ids == b.token_ids for a, b in zip(alone, together, strict=True))
    # Batches of another shape add in another order: a near tie may fall the other way.
    assert same >= len(asked) - 1
    assert [g.prompt_tokens for g in together] == [g.prompt_tokens for g in alone]
    assert len(done) == len(asked)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_are_dealt_out_to_runs_of_one_thread_each(smollm2_gguf, monkeypatch, threads):
    sizes = []

    class Watched(engine_module.ParallelRun):
        def __init__(self, model, prompts, limits, size):
            sizes.append((len(prompts), *size))
            super().__init__(model, prompts, limits, size)

    monkeypatch.setattr(engine_module, "ParallelRun", Watched)
    done = []
    with Engine(smollm2_gguf, context_tokens=256, threads=threads) as several:
        asked = [chat(several, f"Count to {n}.") for n in range(2, 7)]
        alone = [several.generate(prompt, max_tokens=4) for prompt in asked]
        together = several.generate_many(
            asked, max_tokens=4, parallel=6, on_done=lambda: done.append(1)
        )
    same = sum(a.token_ids == b.token_ids for a, b in zip(alone, together, strict=True))
    assert same >= len(asked) - 1
    assert [g.prompt_tokens for g in together] == [g.prompt_tokens for g in alone]
    assert len(done) == len(asked)
    expected = {1: [(5, 6, 1)], 2: [(2, 3, 1), (3, 3, 1)], 3: [(1, 2, 1), (2, 2, 1), (2, 2, 1)]}
    assert sorted(sizes) == expected[threads]


def test_a_single_prompt_of_many_has_all_threads(smollm2_gguf, monkeypatch):
    sizes = []

    class Watched(engine_module.ParallelRun):
        def __init__(self, model, prompts, limits, size):
            sizes.append(size)
            super().__init__(model, prompts, limits, size)

    monkeypatch.setattr(engine_module, "ParallelRun", Watched)
    with Engine(smollm2_gguf, context_tokens=256, threads=2) as several:
        several.generate_many([chat(several, "Say yes.")], max_tokens=1)
    assert sizes == [(8, 2)]


def test_many_keep_the_order_with_answers_of_different_length(engine):
    asked = [chat(engine, "Say yes."), chat(engine, STORY), chat(engine, "Say no.")]
    together = engine.generate_many(asked, max_tokens=8, parallel=2)
    alone = [engine.generate(prompt, max_tokens=8) for prompt in asked]
    assert [g.finish_reason for g in together] == [g.finish_reason for g in alone]
    assert together[1].finish_reason == "length"


def test_many_score_the_first_token_like_one(engine):
    asked = chat(engine, "Say yes.")
    token = engine.tokenize("no")[0]
    one = engine.generate(asked, max_tokens=1, first_token_bias={token: 0.0})
    (many,) = engine.generate_many([asked], max_tokens=1, first_token_bias={token: 0.0})
    assert many.first_token_scores[token] == pytest.approx(
        one.first_token_scores[token], rel=0.05
    )


def test_many_refuse_all_if_one_does_not_fit(engine):
    with pytest.raises(ContextOverflowError):
        engine.generate_many([[1, 2], [1] * 250], max_tokens=10)


def test_many_of_nothing_is_nothing(engine):
    assert engine.generate_many([], max_tokens=10) == []


def test_many_refuse_no_lanes(engine):
    with pytest.raises(ConfigError, match="parallel"):
        engine.generate_many([[1]], max_tokens=1, parallel=0)


def test_lanes_answer_as_the_engine_does_and_leave_its_model_open(smollm2_gguf):
    with Engine(smollm2_gguf, context_tokens=256, threads=2) as wide:
        prompt = wide.tokenize("The capital of France is")
        with wide.lanes() as lanes:
            assert [lane.threads for lane in lanes] == [1, 1]
            alone = [lane.generate(prompt, max_tokens=4).text for lane in lanes]
        assert alone == [wide.generate(prompt, max_tokens=4).text] * 2
        with pytest.raises(ConfigError, match="closed"):
            lanes[0].generate(prompt, max_tokens=4)


def test_the_context_is_never_larger_than_the_model_was_trained_for(smollm2_gguf):
    with Engine(smollm2_gguf, context_tokens=10**6, threads=1) as large:
        assert large.context_tokens == large.model.trained_context == 8192


def test_a_closed_engine_refuses_instead_of_crashing(smollm2_gguf):
    engine = Engine(smollm2_gguf, context_tokens=64, threads=1)
    engine.close()
    engine.close()
    for use in (
        lambda: engine.tokenize("x"),
        lambda: engine.generate([1], max_tokens=1),
        lambda: engine.logits([1]),
        lambda: engine.generate_many([[1]], max_tokens=1),
    ):
        with pytest.raises(ConfigError, match="closed"):
            use()


def test_weights_that_are_no_numbers_are_an_integrity_error(engine, monkeypatch):
    rows = np.full(engine.model.token_count, np.nan, dtype=np.float32)
    monkeypatch.setattr(engine._context, "logits", lambda index: rows)
    with pytest.raises(IntegrityError, match="no numbers"):
        engine.generate([1, 2], max_tokens=2)


def test_an_embedder_is_no_language_model(embedder_gguf):
    with pytest.raises(ConfigError, match="cannot write"):
        Engine(embedder_gguf, threads=1)


def test_a_context_without_tokens_is_refused(smollm2_gguf):
    with pytest.raises(ConfigError, match="context_tokens"):
        Engine(smollm2_gguf, context_tokens=0)
