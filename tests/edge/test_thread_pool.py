"""Threads that stay between computations, and end with what they computed for."""

import ctypes
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.model import Model
from sfta_edge.thread_pool import Params, ThreadPool, set_defaults
from watched_workers import eventually

TOKENS = [5, 9, 2, 7, 11, 3]


@pytest.fixture(name="model", scope="module")
def _model(smollm2_gguf):
    model = Model(smollm2_gguf)
    yield model
    model.close()


def running():
    """The threads of this process."""
    return {int(each.name) for each in Path("/proc/self/task").iterdir()}


def computed(context):
    context.forget(0)
    context.decode([Entry(t, at, wanted=at == len(TOKENS) - 1) for at, t in enumerate(TOKENS)])
    return context.logits(len(TOKENS) - 1).copy()


def test_the_settings_lie_where_llama_cpp_has_them():
    size = ctypes.sizeof(Params)
    memory = bytearray(b"\xaa" * (size + 64))
    set_defaults(Params.from_buffer(memory), 3)
    found = Params.from_buffer_copy(memory)
    assert (found.n_threads, found.prio, found.poll) == (3, 0, 50)
    assert (found.strict_cpu, found.paused, any(found.cpumask)) == (False, False, False)
    assert memory[size:] == b"\xaa" * 64, "nothing behind them is llama.cpp's"


def test_the_caller_is_one_of_the_threads():
    before = running()
    with closing(ThreadPool(3)):
        assert len(running() - before) == 2
    assert running() <= before


def test_a_context_keeps_its_threads_until_it_is_closed(model):
    before = running()
    with closing(Context(model, Shape(64, 16, 1, 2))) as context:
        computed(context)
        mine = running() - before
        assert len(mine) == 1
        for _ in range(5):
            computed(context)
        assert running() - before == mine
    assert not running() & mine


def test_a_context_of_one_thread_starts_none(model):
    before = running()
    with closing(Context(model, Shape(64, 16, 1, 1))) as context:
        computed(context)
        assert running() <= before


def test_all_numbers_of_threads_compute_the_same(model):
    with closing(Context(model, Shape(64, 16, 1, 3))) as context:
        found = []
        for count in (3, 1, 2, 1, 3):
            context.use_threads(count)
            found.append(computed(context))
    for each in found[1:]:
        np.testing.assert_allclose(each, found[0], rtol=1e-4, atol=1e-4)


def test_several_contexts_have_threads_of_their_own(model):
    with (
        closing(Context(model, Shape(64, 16, 1, 2))) as first,
        closing(Context(model, Shape(64, 16, 1, 2))) as second,
    ):
        expected = computed(first)
        second.close()
        np.testing.assert_array_equal(computed(first), expected)


def test_threads_without_work_sleep(model):
    before = running()
    with closing(Context(model, Shape(64, 16, 1, 2))) as context:
        computed(context)
        (mine,) = running() - before
        stat = Path(f"/proc/self/task/{mine}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S")
