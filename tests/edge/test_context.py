"""The context: every misuse ends in an error, none in a crash."""

import numpy as np
import pytest

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.model import Model


@pytest.fixture(name="model", scope="module")
def _model(smollm2_gguf):
    model = Model(smollm2_gguf)
    yield model
    model.close()


@pytest.fixture(name="context", scope="module")
def _context(model):
    context = Context(model, Shape(tokens=512, batch=32, sequences=2, threads=1))
    yield context
    context.close()


def entries(tokens, start=0, sequence=0):
    last = len(tokens) - 1
    return [Entry(t, start + i, sequence, wanted=i == last) for i, t in enumerate(tokens)]


def test_logits_have_one_number_for_each_token(context):
    context.forget(0)
    context.decode(entries([1, 2, 3]))
    row = context.logits(2)
    assert row.shape == (context.model.token_count,)
    assert np.isfinite(row).all()
    assert context.best(2) == int(np.argmax(row))


def test_a_bias_changes_the_choice_and_not_the_logits(context):
    context.forget(0)
    context.decode(entries([1, 2, 3]))
    before = context.logits(2).copy()
    assert context.best(2, {77: 1000.0}) == 77
    assert np.array_equal(context.logits(2), before)


def test_sequences_do_not_see_each_other(context):
    for sequence in (0, 1):
        context.forget(0, sequence)
    context.decode(entries([5, 6, 7], sequence=0))
    alone = context.logits(2).copy()
    context.forget(0, 0)
    context.decode(entries([9, 9, 9, 9], sequence=1))
    context.decode(entries([5, 6, 7], sequence=0))
    assert np.allclose(context.logits(2), alone, atol=1e-3)


def test_forgetting_the_end_brings_the_beginning_back(context):
    context.forget(0)
    context.decode(entries([5, 6, 7]))
    first = context.logits(2).copy()
    context.decode(entries([1, 2], start=3))
    assert context.forget(2)
    context.decode(entries([7], start=2))
    assert np.allclose(context.logits(0), first, atol=0.05)


def test_logits_that_were_not_asked_for_are_an_error(context):
    context.forget(0)
    context.decode(entries([1, 2, 3]))
    with pytest.raises(SftaError, match="no logits for entry 0"):
        context.logits(0)


@pytest.mark.parametrize("count", [0, 33])
def test_a_batch_of_the_wrong_size_is_refused(context, count):
    with pytest.raises(ConfigError, match="1 to 32 tokens"):
        context.decode(entries([1] * count))


def test_more_tokens_than_memory_is_an_error_with_the_reason(model):
    small = Context(model, Shape(tokens=256, batch=256, threads=1))
    small.decode(entries([1] * 200))
    with pytest.raises(SftaError, match="could not compute 100 tokens"):
        small.decode(entries([1] * 100, start=200))
    small.close()


def test_a_gap_in_the_positions_is_an_error_with_the_reason(context):
    context.forget(0)
    context.decode(entries([1, 2]))
    with pytest.raises(SftaError, match="could not compute") as caught:
        context.decode(entries([3], start=9))
    assert "gave no reason" not in str(caught.value)


def test_a_closed_context_refuses_instead_of_crashing(model):
    closed = Context(model, Shape(tokens=256, batch=8, threads=1))
    closed.close()
    closed.close()
    for use in (
        lambda: closed.decode(entries([1])),
        lambda: closed.logits(0),
        lambda: closed.embedding(0),
        lambda: closed.forget(0),
        lambda: closed.pooling,
    ):
        with pytest.raises(ConfigError, match="closed"):
            use()


def test_a_language_model_gives_no_embeddings(context):
    context.forget(0)
    context.decode(entries([1]))
    with pytest.raises(SftaError, match="no pooled embedding"):
        context.embedding(0)
