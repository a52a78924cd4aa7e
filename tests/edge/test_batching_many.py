"""Many callers at once: each gets its own text, its turn, and is kept from nobody's harm."""

import threading
import time
from itertools import pairwise

import pytest

from batched_engines import ROUNDING, largest_margin, together, until
from engine_prompts import STORY, chat
from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.turns import BusyError
from sfta_edge.context import Context
from sfta_edge.generation import Limits, drain


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf):
    with BatchEngine(
        smollm2_gguf,
        context_tokens=256,
        threads=1,
        capacity=Capacity(parallel=3, waiting=8, memory_tokens=512),
    ) as loaded:
        yield loaded


class Running:
    """A text that is being written, until it is let go."""

    def __init__(self, many, engine, **limits):
        self.steps = many.stream(chat(engine, STORY), Limits(150, **limits))
        next(self.steps)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.steps.close()


class Stillness:
    """The engine's thread stands still in a computation, until it is let go."""

    def __init__(self):
        self._go, self.reached = threading.Event(), threading.Event()

    def stand(self):
        self.reached.set()
        assert self._go.wait(120)

    def end(self):
        self._go.set()


@pytest.fixture(name="held")
def _held(many, monkeypatch):
    """The engine stands still in the first computation of a task that is asked for here."""
    until(lambda: many.counters().running == 0)
    stillness = Stillness()
    decode = Context.decode

    def slowly(context, entries):
        if context is many._computation.context:
            stillness.stand()
        decode(context, entries)

    monkeypatch.setattr(Context, "decode", slowly)
    blocker = threading.Thread(target=many.generate, args=([7, 7],), kwargs={"max_tokens": 1})
    blocker.start()
    assert stillness.reached.wait(60)
    yield stillness
    stillness.end()
    blocker.join()
    until(lambda: many.counters().running == 0)


def asked_one_by_one(many, calls):
    """Threads with calls, each of which waits before the next is made."""
    threads = [threading.Thread(target=call) for call in calls]
    for count, thread in enumerate(threads, 1):
        thread.start()
        until(lambda n=count: many.counters().waiting == n)
    return threads


def test_callers_at_once_get_what_each_gets_alone(many, engine):
    asked = [chat(engine, f"Name {n} metals and their use.") for n in range(2, 8)]
    found = together([lambda p=p: many.generate(p, max_tokens=8) for p in asked])
    for prompt, done in zip(asked, found, strict=True):
        assert largest_margin(engine, prompt, done.token_ids) < ROUNDING
        assert done.prompt_tokens == sum(map(len, prompt))


def test_answers_never_cross(many, engine):
    """Each caller has a word of its own, and nobody gets another's."""
    words = ["alpha", "bravo", "delta", "gamma", "omega", "sigma"]
    asked = [chat(engine, f"Repeat the word {word} and nothing else.") for word in words]
    found = together([lambda p=p: many.generate(p, max_tokens=12) for p in asked])
    for word, done in zip(words, found, strict=True):
        assert not [w for w in words if w != word and w in done.text.lower()]


def test_texts_are_written_together(many, engine, monkeypatch):
    sizes = []
    decode = Context.decode

    def counting(context, entries):
        if all(entry.wanted for entry in entries):
            sizes.append(len({entry.sequence for entry in entries}))
        decode(context, entries)

    monkeypatch.setattr(Context, "decode", counting)
    asked = [chat(engine, f"{STORY} Its number is {n}.") for n in range(3)]
    together([lambda p=p: many.generate(p, max_tokens=40) for p in asked])
    assert max(sizes) == 3


def test_a_long_prompt_does_not_stop_who_writes(smollm2_gguf, engine, monkeypatch):
    """Between two pieces of a prompt, a text that is being written goes on."""
    kinds = []
    decode = Context.decode

    def noting(context, entries):
        kinds.append("text" if all(entry.wanted for entry in entries) else "piece")
        decode(context, entries)

    with BatchEngine(smollm2_gguf, context_tokens=512, threads=1) as two, Running(two, engine):
        monkeypatch.setattr(Context, "decode", noting)
        two.generate([[n] * 9 for n in range(40, 48)], max_tokens=1)
    pieces = [place for place, kind in enumerate(kinds) if kind == "piece"]
    between = [kinds[a + 1 : b].count("text") for a, b in pairwise(pieces)]
    assert min(between) >= 1


def test_comparing_and_writing_go_on_side_by_side(many, engine):
    prompt = chat(engine, "Name a colour.")
    options = [engine.tokenize(text) for text in ("Red is a colour.", "Blue")]
    alone = engine.score(prompt, options, Limits(1)).options
    with Running(many, engine):
        found = together([lambda: many.score(prompt, options, Limits(1)).options] * 2)
    for scores in found:
        for ours, theirs in zip(scores, alone, strict=True):
            assert ours == pytest.approx(theirs, abs=ROUNDING)


def test_who_waits_is_told_the_place(many, engine, held):
    places = [[] for _ in range(5)]

    def ask(number):
        limits = Limits(2, caller=str(number))
        asked = chat(engine, f"Number {number}?")
        drain(many.stream(asked, limits, on_place=places[number].append))

    threads = asked_one_by_one(many, [lambda n=n: ask(n) for n in range(5)])
    held.end()
    for thread in threads:
        thread.join()
    assert [told[0] for told in places] == [0, 1, 2, 3, 4]
    for told in places:
        assert told == sorted(told, reverse=True)
        assert told[-1] == 0


def test_callers_take_turns(many, engine, held):
    order = []

    def ask(caller, number):
        drain(many.stream(chat(engine, f"{caller} {number}"), Limits(1, caller=caller)))
        order.append(caller)

    wishes = [("hog", n) for n in range(6)] + [("other", 0)]
    threads = asked_one_by_one(many, [lambda w=w: ask(*w) for w in wishes])
    held.end()
    for thread in threads:
        thread.join()
    assert order.index("other") < 5, "not behind all that the other asked before"


def test_too_many_are_refused_and_the_others_served(many, engine, held):
    done = []

    def ask(number):
        limits = Limits(1, caller=str(number))
        done.append(drain(many.stream(chat(engine, f"Number {number}"), limits)))

    threads = asked_one_by_one(many, [lambda n=n: ask(n) for n in range(8)])
    with pytest.raises(BusyError) as caught:
        many.generate(chat(engine, "One too many"), max_tokens=1, deadline=60)
    assert caught.value.waiting == 8
    held.end()
    for thread in threads:
        thread.join()
    assert len(done) == 8


def test_who_waits_can_be_cancelled_and_keeps_a_deadline(many, engine, held):
    late = many.generate(chat(engine, "Late"), max_tokens=2, deadline=0.1)
    assert (late.finish_reason, late.token_ids) == ("deadline", ())
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    gone = many.generate(chat(engine, "Gone"), max_tokens=2, cancel=cancel)
    assert (gone.finish_reason, gone.token_ids) == ("cancelled", ())
    assert many.counters().waiting == 0


def test_memory_that_runs_short_costs_the_idle_first_and_then_time(many, engine):
    """Four prompts of more than a third of the memory each: all are answered."""
    before = many.counters()
    asked = [[[n] * 100, [n, 9] * 35] for n in range(100, 104)]
    found = together(
        [
            lambda p=p: many.generate(p, max_tokens=60, stop=lambda text: len(text) > 8)
            for p in asked
        ]
    )
    for prompt, done in zip(asked, found, strict=True):
        assert done.finish_reason in ("stop", "length")
        assert largest_margin(engine, prompt, done.token_ids) < ROUNDING
    now = many.counters()
    assert now.evictions > before.evictions
    assert now.failed == before.failed
    assert now.used_cells <= 512


def test_a_storm_of_cancellations_leaves_nothing_behind(many, engine):
    def ask(number):
        steps = many.stream(chat(engine, f"Storm {number}"), Limits(40, caller=str(number)))
        for _ in range(number % 3):
            next(steps, None)
        steps.close()

    together([lambda n=n: ask(n) for n in range(12)])
    until(lambda: many.counters().running == 0 and many.counters().waiting == 0)
    assert many.alive
    assert many.generate(chat(engine, "Say yes."), max_tokens=2).token_ids


def test_waiting_for_nothing_computes_nothing(many):
    until(lambda: many.counters().running == 0)
    before = time.thread_time(), many.counters()
    time.sleep(0.2)
    assert many.counters() == before[1]
