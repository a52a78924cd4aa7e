"""Devices and models to plan with, and strategies that draw them."""

from hypothesis import strategies as st

from sfta_export.device import KERNELS, Device
from sfta_export.model_shape import ModelShape
from sfta_export.number_formats import Tensor
from sfta_export.plan import Workload

GIB = 1 << 30
WORK = Workload(prompt_tokens=300, answer_tokens=100, context_tokens=1024)


def device(**changes):
    facts = {
        "name": "box",
        "memory": 8 * GIB,
        "reserved": GIB,
        "bandwidth": 10e9,
        "cores": 4,
        "clock": 2.4e9,
        "instruction_set": "armv8.2_2",
    }
    return Device(**(facts | changes))


def shape(*, layers=16, hidden=2048, inner=8192, heads=32, kv_heads=8, vocabulary=128_256,
          tied=True, trained_context=8192):  # fmt: skip
    """A decoder like Llama 3.2 1B."""
    size = hidden // heads
    tensors = [Tensor("embedding", -1, vocabulary, hidden), Tensor("vector", -1, 1, hidden)]
    if not tied:
        tensors.append(Tensor("output", -1, vocabulary, hidden))
    for layer in range(layers):
        tensors += [
            Tensor("query", layer, heads * size, hidden),
            Tensor("key", layer, kv_heads * size, hidden),
            Tensor("value", layer, kv_heads * size, hidden),
            Tensor("attention_output", layer, hidden, heads * size),
            Tensor("gate", layer, inner, hidden),
            Tensor("up", layer, inner, hidden),
            Tensor("down", layer, hidden, inner),
            Tensor("vector", layer, 1, hidden),
        ]
    return ModelShape(
        tuple(tensors), layers, heads, kv_heads, size, hidden, inner, vocabulary,
        trained_context, header_bytes=1 << 20,
    )  # fmt: skip


@st.composite
def shapes(draw):
    groups = draw(st.sampled_from([1, 2, 4, 8]))
    kv_heads = draw(st.integers(1, 4))
    heads = groups * kv_heads
    return shape(
        layers=draw(st.integers(1, 40)),
        hidden=heads * draw(st.sampled_from([32, 64, 96, 128])),
        inner=32 * draw(st.integers(1, 64)),
        heads=heads,
        kv_heads=kv_heads,
        vocabulary=draw(st.integers(300, 60_000)),
        tied=draw(st.booleans()),
        trained_context=draw(st.integers(1024, 40_000)),
    )


@st.composite
def devices(draw):
    memory = draw(st.integers(GIB // 4, 64 * GIB))
    return device(
        memory=memory,
        reserved=draw(st.integers(0, memory - 1)),
        bandwidth=draw(st.floats(1e9, 2e11)),
        cores=draw(st.integers(1, 64)),
        clock=draw(st.floats(5e8, 5e9)),
        instruction_set=draw(st.sampled_from(sorted(KERNELS))),
    )
