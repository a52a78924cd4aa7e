"""What goes wrong or is not wanted any more ends alone, and everybody concerned is told."""

import threading

import pytest

from batched_engines import together, until
from engine_prompts import STORY, chat
from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.waiting import EngineStoppedError
from sfta_edge.context import Context
from sfta_edge.errors import SftaError
from sfta_edge.generation import Limits, drain


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf):
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


def test_a_piece_that_nobody_wants_is_stopped_in_its_middle(smollm2_gguf, monkeypatch):
    """The computation of 256 tokens ends early, and the engine goes on."""
    computed = []
    decode = Context.decode

    def noting(context, entries):
        if len(entries) == 256:
            cancel.set()
        decode(context, entries)
        computed.append(len(entries))

    cancel = threading.Event()
    monkeypatch.setattr(Context, "decode", noting)
    with BatchEngine(smollm2_gguf, context_tokens=512, threads=1) as two:
        done = two.generate([[5] * 256, [6] * 10], max_tokens=2, cancel=cancel)
        assert done.finish_reason == "cancelled"
        assert 256 not in computed, "it was stopped"
        again = two.generate([[5] * 40, [6] * 10], max_tokens=2)
        assert len(again.token_ids) == 2
        assert two.counters().failed == 0


def test_what_a_failed_batch_held_is_forgotten_and_the_engine_lives(many, engine, monkeypatch):
    decode = Context.decode
    broken = threading.Event()

    def failing(context, entries):
        if broken.is_set() and context is many._computation.context:
            raise SftaError("no memory")
        decode(context, entries)

    monkeypatch.setattr(Context, "decode", failing)
    steps = many.stream(chat(engine, STORY), Limits(50))
    next(steps)
    broken.set()
    with pytest.raises(SftaError, match="no memory"):
        drain(steps)
    broken.clear()
    assert many.alive
    assert many.generate(chat(engine, "Say yes."), max_tokens=2).token_ids


def test_a_broken_engine_tells_all_and_is_dead(smollm2_gguf, engine, monkeypatch, caplog):
    with BatchEngine(
        smollm2_gguf, context_tokens=256, threads=1, capacity=Capacity(parallel=1)
    ) as fragile:
        steps = fragile.stream(chat(engine, STORY), Limits(150))
        next(steps)
        waiting = threading.Thread(
            target=lambda: results.extend(
                together([lambda: fragile.generate([1, 2], max_tokens=1)])
            )
        )
        results = []
        waiting.start()
        until(lambda: fragile.counters().waiting == 1)
        monkeypatch.setattr(fragile._loop, "_step", lambda: 1 / 0)
        with pytest.raises(EngineStoppedError, match="broke down: division by zero"):
            drain(steps)
        waiting.join()
        assert isinstance(results[0], EngineStoppedError)
        assert not fragile.alive
        with pytest.raises(EngineStoppedError, match="broke down"):
            fragile.generate([1], max_tokens=1)
        assert "broke down" in caplog.text


def test_closing_ends_what_runs_and_what_waits(smollm2_gguf, engine):
    closing = BatchEngine(
        smollm2_gguf, context_tokens=256, threads=1, capacity=Capacity(parallel=1)
    )
    steps = closing.stream(chat(engine, STORY), Limits(150))
    next(steps)
    results = []
    waiting = threading.Thread(
        target=lambda: results.extend(
            together([lambda: closing.generate([1, 2], max_tokens=1)])
        )
    )
    waiting.start()
    until(lambda: closing.counters().waiting == 1)
    closing.close()
    waiting.join()
    assert isinstance(results[0], EngineStoppedError)
    with pytest.raises(EngineStoppedError, match="closed"):
        drain(steps)


def test_closing_stops_a_piece_in_its_middle(smollm2_gguf, monkeypatch):
    closing = BatchEngine(smollm2_gguf, context_tokens=512, threads=1)
    begun, computed = threading.Event(), []
    decode = Context.decode

    def noting(context, entries):
        begun.set()
        decode(context, entries)
        computed.append(len(entries))

    monkeypatch.setattr(Context, "decode", noting)
    results = []
    asking = threading.Thread(
        target=lambda: results.extend(
            together([lambda: closing.generate([[5] * 256, [6] * 100], max_tokens=1)])
        )
    )
    asking.start()
    assert begun.wait(60)
    closing.close()
    asking.join()
    assert isinstance(results[0], EngineStoppedError)
    assert len(computed) <= 1
