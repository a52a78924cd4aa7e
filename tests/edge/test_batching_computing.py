"""Computations that are shared, stopped and done again give the same result."""

import threading

import pytest

from batched_engines import ROUNDING, largest_margin
from engine_prompts import chat
from sfta_edge.batching.abort import AbortSwitch
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.context import AbortedError, Context, Entry, Shape
from sfta_edge.generation import Limits

LONG = "The pump is cooled by water and the fan turns. " * 8


@pytest.fixture(name="impatient")
def _impatient(smollm2_gguf):
    """An engine of two threads whose patience with sharing is over at once."""
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=2) as loaded:
        choice = loaded._computation.choice
        choice.threads = lambda tokens: 2 if tokens > 8 else 1
        choice.patience = lambda tokens: 0.0
        choice.record = lambda tokens, threads, seconds: None
        yield loaded


@pytest.fixture(name="stopped")
def _stopped(monkeypatch):
    """How many tokens the computations had that were stopped."""
    sizes = []
    decode = Context.decode

    def noting(context, entries):
        try:
            decode(context, entries)
        except AbortedError:
            sizes.append(len(entries))
            raise

    monkeypatch.setattr(Context, "decode", noting)
    return sizes


def test_sharing_that_takes_too_long_is_done_again_by_one(impatient, engine, stopped):
    asked = chat(engine, LONG + "What turns?")
    found = impatient.generate(asked, max_tokens=8)
    assert stopped, "the piece was given up"
    assert largest_margin(engine, asked, found.token_ids) < ROUNDING
    assert impatient.counters().failed == 0


def test_comparing_that_takes_too_long_is_begun_anew(impatient, engine, stopped):
    """What several texts share is in several sequences: all of it has to go."""
    prompt = chat(engine, LONG + "What is it?")
    same = engine.tokenize("It is a pump that is")
    options = [
        [*same, *engine.tokenize(f" {word} and so on for a while and more")]
        for word in ("cold", "hot")
    ]
    found = impatient.score(prompt, options, Limits(1)).options
    assert len(stopped) > 1, "at least a piece and the texts"
    alone = engine.score(prompt, options, Limits(1)).options
    for ours, theirs in zip(found, alone, strict=True):
        assert ours == pytest.approx(theirs, abs=0.05)


def test_a_stopped_computation_leaves_nothing_in_memory(engine):
    context = Context(engine.model, Shape(256, 256, 2, 1, unified=True))
    switch = AbortSwitch(context)
    entries = [Entry(token, token, 0, wanted=token == 199) for token in range(200)]
    try:
        with pytest.raises(AbortedError, match="200 tokens"), switch.watching(lambda: True):
            context.decode(entries)
        assert context.length(0) == 0
        context.decode(entries[:20])
        assert context.length(0) == 20
    finally:
        switch.close()
        context.close()


def test_nobody_is_asked_outside_of_a_computation(engine):
    context = Context(engine.model, Shape(64, 64, 1, 1, unified=True))
    switch = AbortSwitch(context)
    asked = threading.Event()
    try:
        with switch.watching(lambda: asked.set() or False):
            assert asked.wait(30)
        asked.clear()
        assert not asked.wait(0.1)
    finally:
        switch.close()
        context.close()
