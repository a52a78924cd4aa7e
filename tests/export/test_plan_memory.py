"""Memory that is foretold, against what llama.cpp says it allocates."""

import ctypes
import re

import pytest

from sfta_edge.engine import Engine
from sfta_edge.llama import load_library
from sfta_export.model_shape import read_shape
from sfta_export.plan import memory_at

MIB = 1 << 20
BUFFER = re.compile(r"(\w+)\s+buffer size =\s+([\d.]+) MiB")


@pytest.fixture(name="allocated")
def _allocated():
    """Gives the buffers of an engine for a file, in bytes by what they are for."""
    native = load_library()
    lines = []
    listen = native.llama_log_callback(
        lambda _level, text, _data: lines.append((text or b"").decode(errors="replace"))
    )
    before = load_library.__globals__["_silence"].__dict__["callback"]

    def call(path, tokens):
        lines.clear()
        native.llama_log_set(listen, ctypes.c_void_p(0))
        try:
            with Engine(path, context_tokens=tokens, threads=1):
                text = "".join(lines)
        finally:
            native.llama_log_set(before, ctypes.c_void_p(0))
        found = {}
        for kind, size in BUFFER.findall(text):
            found[kind] = found.get(kind, 0) + float(size) * MIB
        return found

    return call


@pytest.mark.tools
@pytest.mark.parametrize("tokens", [256, 512, 1024])
def test_keys_and_values_take_what_is_foretold(model_dir, f16, allocated, tokens):
    shape = read_shape(model_dir)
    found = allocated(f16, tokens)
    assert found["KV"] == pytest.approx(tokens * shape.kv_bytes_per_token, abs=0.01 * MIB)


@pytest.mark.tools
@pytest.mark.parametrize("tokens", [256, 1024])
def test_buffers_are_within_what_is_foretold(model_dir, f16, allocated, tokens):
    shape = read_shape(model_dir)
    found = allocated(f16, tokens)
    program = memory_at(shape, 0, tokens) - tokens * shape.kv_bytes_per_token
    buffers = program - (160 << 20)
    real = found["compute"] + found.get("output", 0)
    assert real <= buffers < 2 * real + 4 * MIB


@pytest.mark.tools
def test_a_longer_context_costs_no_more_than_is_foretold(model_dir, f16, allocated):
    shape = read_shape(model_dir)
    small, large = allocated(f16, 256), allocated(f16, 1024)
    real = sum(large[kind] - small[kind] for kind in ("KV", "compute"))
    foretold = memory_at(shape, 0, 1024) - memory_at(shape, 0, 256)
    # The mask of a tiny model finds room in buffers that are there; of a large one it does not.
    assert real <= foretold <= real + 256 * 768 * 2 + 0.01 * MIB
