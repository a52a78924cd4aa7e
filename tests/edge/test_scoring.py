"""Scores are the model's own log-probabilities, and asking for them leaves nothing behind."""

import numpy as np
import pytest

from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError, Limits
from sfta_edge.scoring import SCORED, log_softmax


def chat(engine, text):
    return [
        engine.tokenize("<|im_start|>user\n", True),
        engine.tokenize(text),
        engine.tokenize("<|im_end|>\n<|im_start|>assistant\n", True),
    ]


def expected(engine, prompt, option):
    """One logit row at a time, each from a prompt of its own."""
    scores = []
    for at, token in enumerate(option):
        row = engine.logits([*prompt, option[:at]] if at else prompt)
        scores.append(float(log_softmax(row)[token]))
    return scores


def test_each_token_gets_its_log_probability_after_those_before_it(engine):
    prompt = chat(engine, "Name a colour.")
    options = [engine.tokenize(text) for text in ("Red is a colour.", "The", "Blue")]
    scored = engine.score(prompt, options, Limits(1))
    for option, scores in zip(options, scored.options, strict=True):
        assert scores == pytest.approx(expected(engine, prompt, option), abs=0.05)
    assert scored.prompt_tokens == sum(map(len, prompt))
    assert scored.interrupted is None


def test_an_option_longer_than_a_batch_is_scored_to_its_end(engine):
    prompt = chat(engine, "Count.")
    option = engine.tokenize(" one two three" * SCORED)[: SCORED * 2 + 5]
    (scores,) = engine.score(prompt, [option], Limits(1)).options
    assert len(scores) == len(option)
    assert scores[-3:] == pytest.approx(expected(engine, prompt, option)[-3:], abs=0.1)


def test_scoring_does_not_change_what_is_written_next(engine):
    prompt = chat(engine, "What is the capital of France? Answer with one word.")
    before = engine.generate(prompt, max_tokens=8)
    engine.score(prompt, [engine.tokenize("Berlin"), engine.tokenize("Rome")], Limits(1))
    assert engine.generate(prompt, max_tokens=8).token_ids == before.token_ids


def test_the_same_options_get_the_same_scores_in_any_order(engine):
    prompt = chat(engine, "Name a colour.")
    options = [engine.tokenize(text) for text in ("Red", "Blue is nice")]
    forward = engine.score(prompt, options, Limits(1)).options
    backward = engine.score(prompt, options[::-1], Limits(1)).options
    assert forward == backward[::-1]


def test_a_passed_deadline_leaves_options_unscored(engine):
    prompt = chat(engine, "Name a colour.")
    scored = engine.score(prompt, [engine.tokenize("Red")], Limits(1, deadline=1e-9))
    assert scored.interrupted == "deadline"
    assert scored.options == ()


def test_an_option_that_does_not_fit_is_refused_before_anything_is_computed(engine):
    with pytest.raises(ContextOverflowError):
        engine.score(chat(engine, "x"), [[1] * engine.context_tokens], Limits(1))


def test_an_empty_option_is_refused(engine):
    with pytest.raises(ConfigError, match="at least one token"):
        engine.score(chat(engine, "x"), [[]], Limits(1))


def test_log_softmax_gives_probabilities_that_add_up_to_one():
    row = np.array([1000.0, 1001.0, -5.0], dtype=np.float32)
    assert np.exp(log_softmax(row)).sum() == pytest.approx(1.0)
