"""What an engine cannot do is refused with its reason before anything is computed."""

import numpy as np
import pytest

from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import ContextOverflowError


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
