"""The limits that speeds are held against: arithmetic, and the facts of a real model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.bench.roofline import (
    Held,
    ModelWork,
    decode_bytes,
    decode_ceiling,
    prefill_ceiling,
)
from sfta_edge.errors import ConfigError
from sfta_edge.model import Model

WORKS = st.builds(
    ModelWork,
    weight_bytes=st.integers(1, 1 << 40),
    memory_bytes=st.integers(0, 1 << 20),
    operations=st.integers(1, 1 << 45),
)
RATES = st.floats(1e3, 1e15)
TOKENS = st.integers(0, 1 << 20)


@given(WORKS, RATES, TOKENS)
def test_what_is_read_in_a_second_is_what_memory_delivers(work, bandwidth, context):
    tokens = decode_ceiling(work, bandwidth, context)
    assert tokens * decode_bytes(work, context) == pytest.approx(bandwidth)


@given(WORKS, RATES, TOKENS, TOKENS)
def test_a_longer_text_is_never_written_faster(work, bandwidth, one, more):
    assert decode_ceiling(work, bandwidth, one + more) <= decode_ceiling(work, bandwidth, one)


@given(WORKS, RATES, TOKENS, st.floats(1, 100))
def test_limits_grow_with_the_machine(work, rate, context, factor):
    faster = decode_ceiling(work, rate * factor, context)
    assert faster == pytest.approx(factor * decode_ceiling(work, rate, context))
    faster = prefill_ceiling(work, rate * factor)
    assert faster == pytest.approx(factor * prefill_ceiling(work, rate))


@given(WORKS, RATES)
def test_what_is_computed_in_a_second_is_what_the_machine_computes(work, rate):
    assert prefill_ceiling(work, rate) * work.operations == pytest.approx(rate)


@given(RATES, st.floats(0.01, 2.0))
def test_the_share_of_a_limit_is_found(ceiling, share):
    assert Held(share * ceiling, ceiling).share == pytest.approx(share)


@pytest.mark.parametrize(
    "call",
    [
        lambda: decode_ceiling(ModelWork(10, 1, 1), 0.0, 5),
        lambda: decode_ceiling(ModelWork(10, 1, 1), float("nan"), 5),
        lambda: decode_ceiling(ModelWork(10, 1, 1), 1.0, -1),
        lambda: decode_ceiling(ModelWork(0, 1, 1), 1.0, 0),
        lambda: prefill_ceiling(ModelWork(1, 1, 0), 1.0),
        lambda: prefill_ceiling(ModelWork(1, 1, 1), -1.0),
    ],
)
def test_a_machine_or_model_that_cannot_be_has_no_limit(call):
    with pytest.raises(ConfigError):
        call()


def test_the_work_of_a_real_model_is_that_of_its_architecture(smollm2_gguf):
    model = Model(smollm2_gguf)
    try:
        work = ModelWork.of(model)
    finally:
        model.close()
    # 30 layers, 3 heads for keys and values of 64 numbers each; one table for input and output.
    assert work.memory_bytes == 30 * 3 * (64 + 64) * 2
    assert 0.9 < work.weight_bytes / smollm2_gguf.stat().st_size <= 1
    assert work.operations == pytest.approx(2 * 106e6, rel=0.01)


def test_a_model_with_a_fixed_state_reads_no_memory_of_earlier_tokens(embedder_gguf):
    class Headless(Model):
        """Says it is one whose state has a fixed size."""

        is_recurrent = True

    model = Headless(embedder_gguf)
    try:
        assert ModelWork.of(model).memory_bytes == 0
    finally:
        model.close()
