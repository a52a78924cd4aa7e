"""Figures of a plan, against arithmetic by hand and against what others have measured."""

import pytest

from device_plans import GIB, WORK, device, shape
from sfta_edge.errors import ConfigError
from sfta_export.device import KERNELS, Device, kernel_of
from sfta_export.plan import SPREAD, Floor, Workload, forecast, memory_at, recommended, why_none


def one(model, machine, scheme, work=WORK):
    return forecast(model, machine, work, [scheme])[0]


LLAMA_3B = shape(layers=28, hidden=3072, inner=8192, heads=24, kv_heads=8)
LLAMA_8B = shape(layers=32, hidden=4096, inner=14336, heads=32, kv_heads=8, tied=False)
LLAMA2_7B = shape(
    layers=32, hidden=4096, inner=11008, kv_heads=32, vocabulary=32_000, tied=False
)
LLAMA2_13B = shape(
    layers=40, hidden=5120, inner=13824, heads=40, kv_heads=40, vocabulary=32_000, tied=False
)
TINY_LLAMA = shape(
    layers=22, hidden=2048, inner=5632, kv_heads=4, vocabulary=32_000, tied=False
)
PI_5 = device(bandwidth=9.9e9)
N100 = device(
    bandwidth=17e9, clock=2.9e9, instruction_set="alderlake", kernels={"K": 8, "vector": 4}
)
SHORT = Workload(prompt_tokens=128, answer_tokens=128, context_tokens=1024)


@pytest.mark.parametrize(
    ("model", "machine", "scheme", "decode"),
    [
        (LLAMA_3B, PI_5, "Q4_K_M", 4.88),  # geerlingguy/ai-benchmarks 7; the others independent
        (LLAMA_8B, PI_5, "Q4_K_M", 2.17),
        (LLAMA2_13B, PI_5, "Q4_0", 1.36),
        (TINY_LLAMA, PI_5, "Q8_0", 9.0),  # guevara/read-it-later 11711
        (LLAMA_8B, N100, "Q4_K_M", 3.01),  # brand-o/normiebench 38
    ],
)
def test_speeds_that_others_measured_are_foretold(model, machine, scheme, decode):
    predicted = one(model, machine, scheme, SHORT).decode_tokens_per_second
    assert 1 / 1.5 < predicted / decode < 1.5


@pytest.mark.parametrize(
    ("model", "machine", "scheme", "prompt", "prefill"),
    [
        (TINY_LLAMA, PI_5, "Q8_0", 128, 45.0),
        (LLAMA2_7B, PI_5, "Q4_0", 109, 8.10),  # ggml-org/llama.cpp 6928
        (LLAMA_8B, N100, "Q4_K_M", 512, 6.53),
    ],
)
def test_prompts_that_others_measured_are_foretold(model, machine, scheme, prompt, prefill):
    work = Workload(prompt, 16, 1024)
    predicted = one(model, machine, scheme, work).prefill_tokens_per_second
    assert 1 / SPREAD < predicted / prefill < SPREAD


QWEN_HALF = shape(
    layers=24, hidden=896, inner=4864, heads=14, kv_heads=2, vocabulary=151_936
)  # the kernels of x64, and of one token with sse42, were set by it; no others


@pytest.mark.parametrize(
    ("backend", "scheme", "prefill", "decode"),
    [
        ("x64", "Q4_0", 16, 12),
        ("x64", "Q4_K_M", 12, 9),
        ("x64", "Q8_0", 41, 23),
        ("sse42", "Q4_0", 67, 31),
        ("sse42", "Q4_K_M", 13, 10),
        ("sse42", "Q8_0", 40, 23),
        ("haswell", "Q4_0", 305, 80),
        ("haswell", "Q4_K_M", 217, 59),
        ("haswell", "Q8_0", 295, 58),
        ("zen4", "Q4_0", 627, 86),
        ("zen4", "Q4_K_M", 338, 58),
        ("zen4", "Q8_0", 337, 58),
    ],
)
def test_two_idle_cores_of_zen_4_are_foretold(backend, scheme, prefill, decode):
    machine = device(bandwidth=30e9, cores=2, clock=3.26e9, instruction_set=backend)
    made = one(QWEN_HALF, machine, scheme, Workload(512, 48, 1024))
    assert 1 / SPREAD < made.prefill_tokens_per_second / prefill < SPREAD
    assert 1 / SPREAD < made.decode_tokens_per_second / decode < SPREAD


def test_a_token_takes_as_long_as_its_bytes():
    plain = shape(layers=1, hidden=256, inner=256, heads=4, kv_heads=4, vocabulary=1000)
    slow = device(bandwidth=1e6)
    made = one(plain, slow, "F32", Workload(100, 1, 256))
    weights = 4 * (1000 * 256 + 2 * 256 + 7 * 256 * 256)
    keys_and_values = 100 * 1 * 4 * 64 * 2 * 2
    assert made.decode_tokens_per_second == pytest.approx(1e6 / (weights + keys_and_values))
    assert made.file_bytes == weights + (1 << 20)
    assert made.bits_per_weight == 32


def test_a_prompt_takes_as_long_as_its_operations():
    plain = shape(layers=1, hidden=256, inner=256, heads=4, kv_heads=4, vocabulary=1000)
    fast = device(bandwidth=1e15, cores=1, clock=1e6, kernels={"float": 2, "attention": 4})
    made = one(plain, fast, "F16", Workload(100, 1, 256))
    products = 2 * (7 * 256 * 256 * 100 + 1000 * 256)
    attention = 4 * 4 * 64 * 100**2 / 2
    seconds = products / 2e6 + attention / 4e6
    assert made.prefill_tokens_per_second == pytest.approx(100 / seconds)


def test_an_embedding_that_is_no_output_is_not_read_whole():
    tied, own = (one(shape(tied=tied), device(), "Q8_0") for tied in (True, False))
    assert own.file_bytes > tied.file_bytes
    assert own.decode_tokens_per_second == pytest.approx(tied.decode_tokens_per_second)


def test_what_does_not_fit_says_by_how_much():
    small = device(memory=2 * GIB, reserved=GIB)
    made = one(LLAMA_8B, small, "Q4_K_M")
    assert not made.fits
    assert made.missing_bytes == made.memory_bytes - GIB
    assert made.longest_context == 0
    told = why_none([made], Floor())
    assert "nothing fits: Q4_K_M needs" in told
    assert "MiB more than there are" in told


def test_what_is_too_slow_says_how_slow():
    found = [one(LLAMA_8B, PI_5, "Q4_K_M", SHORT)]
    assert recommended(found, Floor()) is None
    assert "writes 2." in why_none(found, Floor())
    waiting = Floor(tokens_per_second=0, first_token_seconds=1)
    assert "first token after" in why_none(found, waiting)


def test_of_those_too_slow_the_nearest_is_told():
    found = forecast(LLAMA_3B, PI_5, WORK, ["F16", "Q8_0", "Q4_0", "Q4_K_M"])
    floor = Floor(tokens_per_second=1, first_token_seconds=1)
    assert "Q4_0 first token after" in why_none(found, floor)
    assert floor.excess(found[2]) == min(map(floor.excess, found)) > 1


def test_the_most_bits_are_recommended_that_are_fast_enough():
    found = forecast(LLAMA_3B, PI_5, SHORT, ["F16", "Q8_0", "Q4_K_M", "Q2_K"])
    best = recommended(found, Floor(tokens_per_second=4, first_token_seconds=60))
    assert best is not None
    assert best.scheme == "Q4_K_M"


def test_a_prompt_that_the_model_was_not_trained_for_is_refused():
    with pytest.raises(ConfigError, match="do not fit into a context of 512") as info:
        forecast(shape(trained_context=512), device(), Workload(500, 100, 4096), ["F16"])
    assert "retrieval.top_k" in info.value.hint


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ConfigError, match="no plan for the scheme 'Q9'"):
        one(shape(), device(), "Q9")


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_no_work_cannot_be_planned(numbers):
    with pytest.raises(ConfigError):
        Workload(*numbers)


def test_a_context_grows_in_steps_of_256_tokens():
    assert memory_at(shape(), 0, 1) == memory_at(shape(), 0, 256)
    more = memory_at(shape(), 0, 257) - memory_at(shape(), 0, 256)
    assert more == 256 * shape().kv_bytes_per_token + 256 * 256 * 2


def test_an_unknown_instruction_set_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match="unknown instruction set 'mmx'") as info:
        device(instruction_set="mmx")
    assert "zen4" in info.value.hint


def test_a_system_that_keeps_all_memory_is_refused():
    with pytest.raises(ConfigError, match="keeps all of the memory"):
        device(memory=GIB, reserved=GIB)


def test_every_instruction_set_knows_every_kernel():
    kernels = {kernel for known in KERNELS.values() for kernel in known}
    for known in KERNELS.values():
        assert set(known) == kernels
        assert min(known.values()) > 0


def test_newer_instruction_sets_are_not_slower():
    for older, newer in (("x64", "sse42"), ("sse42", "haswell"), ("haswell", "zen4"),
                         ("armv8.0_1", "armv8.2_2"), ("armv8.2_2", "armv8.6_1")):  # fmt: skip
        for kernel in ("Q8_0", "Q4_0", "K"):
            assert KERNELS[newer][kernel] >= KERNELS[older][kernel]


def test_figures_of_the_device_come_before_those_of_its_instruction_set():
    plain = Device("a", GIB, 0, 1e9, 2, 1e9, "zen4")
    own = Device("a", GIB, 0, 1e9, 2, 1e9, "zen4", {"K": 1.0})
    assert own.operations("K") == 2e9
    assert own.operations("Q8_0") == plain.operations("Q8_0")


def test_formats_are_computed_by_their_kernels():
    assert kernel_of("BF16") == "float"
    assert kernel_of("IQ4_NL") == "Q4_0"
    assert kernel_of("Q6_K") == kernel_of("IQ4_XS") == "K"
