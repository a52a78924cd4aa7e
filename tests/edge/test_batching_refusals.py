"""What an engine for many cannot do is refused with its reason before anything is computed."""

import numpy as np
import pytest

from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.waiting import EngineStoppedError
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import ContextOverflowError, Limits, drain


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf):
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize("prompt", [[], [[]]])
def test_an_empty_prompt_is_refused(many, prompt):
    with pytest.raises(ConfigError, match="at least one token"):
        many.generate(prompt, max_tokens=1)


@pytest.mark.parametrize("token", [-1, 10**6])
def test_a_token_outside_the_vocabulary_is_refused(many, token):
    with pytest.raises(ConfigError, match="not in the vocabulary"):
        many.generate([1, token, 2], max_tokens=1)


def test_what_does_not_fit_is_refused_with_its_numbers(many):
    with pytest.raises(ContextOverflowError, match=r"250 tokens.* 25 .*256"):
        many.generate([5] * 250, max_tokens=25)
    with pytest.raises(ContextOverflowError):
        many.score([5] * 250, [[1] * 25], Limits(1))


def test_what_just_fits_is_answered(many, engine):
    done = many.generate([engine.tokenize("the pump ")[0]] * 252, max_tokens=4)
    assert done.prompt_tokens == 252


def test_an_empty_option_is_refused(many):
    with pytest.raises(ConfigError, match="at least one token"):
        many.score([1, 2], [[3], []], Limits(1))


def test_an_adapter_that_is_not_there_is_refused(many):
    with pytest.raises(ConfigError, match="no adapter 'law'"):
        drain(many.stream([1, 2], Limits(1, adapter="law")))


def test_weights_that_are_no_numbers_fail_their_task_alone(many, engine, monkeypatch):
    rows = np.full(many.model.token_count, np.nan, dtype=np.float32)
    with monkeypatch.context() as patched:
        patched.setattr(many._computation.context, "logits", lambda index: rows)
        with pytest.raises(IntegrityError, match="no numbers"):
            many.generate([7, 8, 9], max_tokens=2)
        with pytest.raises(IntegrityError, match="no numbers"):
            many.score([7, 8, 9], [[1, 2]], Limits(1))
    assert many.alive
    again = many.generate([7, 8, 9], max_tokens=2)
    assert again.reused_tokens == 0, "what led to an error is not kept"


def test_a_closed_engine_refuses_instead_of_crashing(smollm2_gguf):
    closed = BatchEngine(smollm2_gguf, context_tokens=64, threads=1)
    closed.close()
    closed.close()
    assert not closed.alive
    with pytest.raises(ConfigError, match="closed"):
        closed.tokenize("x")
    with pytest.raises(EngineStoppedError, match="closed"):
        closed.generate([1], max_tokens=1)
    with pytest.raises(EngineStoppedError, match="closed"):
        closed.score([1], [[2]], Limits(1))
    assert closed.counters().running == 0


def test_a_model_of_somebody_else_stays_open(engine):
    with BatchEngine(engine.model, context_tokens=64, threads=1) as borrowed:
        assert borrowed.generate([1, 2, 3], max_tokens=1).token_ids
    assert engine.tokenize("x")


def test_an_embedder_is_no_language_model(embedder_gguf):
    with pytest.raises(ConfigError, match="cannot write"):
        BatchEngine(embedder_gguf, threads=1)


def test_sizes_that_mean_nothing_are_refused(smollm2_gguf):
    with pytest.raises(ConfigError, match="context_tokens"):
        BatchEngine(smollm2_gguf, context_tokens=0)
    for wrong in ({"parallel": 0}, {"waiting": 0}, {"guessed": -1}):
        with pytest.raises(ConfigError, match="at least"):
            Capacity(**wrong)
