"""Laws of a plan: more of anything never makes a device worse, more work never makes it faster."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from device_plans import WORK, devices, shapes
from sfta_export.number_formats import BLOCKS, SCHEMES, Quantizer, fitting, stored_bytes
from sfta_export.plan import Floor, forecast, longest_context, memory_at, recommended

schemes = st.sampled_from(SCHEMES)


def one(shape, device, scheme, work=WORK):
    return forecast(shape, device, work, [scheme])[0]


@given(shapes(), devices(), schemes, st.integers(0, 1 << 34))
def test_more_memory_never_fits_less(shape, device, scheme, more):
    before, after = (
        one(shape, d, scheme) for d in (device, replace(device, memory=device.memory + more))
    )
    assert after.missing_bytes <= before.missing_bytes
    assert after.longest_context >= before.longest_context
    assert after.fits or not before.fits


@given(shapes(), devices(), schemes, st.floats(1, 100))
def test_more_bandwidth_never_makes_it_slower(shape, device, scheme, factor):
    before = one(shape, device, scheme)
    after = one(shape, replace(device, bandwidth=device.bandwidth * factor), scheme)
    assert after.decode_tokens_per_second >= before.decode_tokens_per_second
    assert after.first_token_seconds <= before.first_token_seconds


@given(shapes(), devices(), schemes, st.integers(1, 64))
def test_more_cores_never_make_it_slower(shape, device, scheme, more):
    before = one(shape, device, scheme)
    after = one(shape, replace(device, cores=device.cores + more), scheme)
    assert after.decode_tokens_per_second >= before.decode_tokens_per_second
    assert after.prefill_tokens_per_second >= before.prefill_tokens_per_second


@given(shapes(), devices(), schemes, st.integers(1, 500))
def test_a_longer_prompt_never_comes_sooner(shape, device, scheme, more):
    longer = replace(WORK, prompt_tokens=WORK.prompt_tokens + more)
    before, after = one(shape, device, scheme), one(shape, device, scheme, longer)
    assert after.first_token_seconds >= before.first_token_seconds
    assert after.decode_tokens_per_second <= before.decode_tokens_per_second


@given(shapes(), st.lists(st.sampled_from(["F32", "F16", "Q8_0", "Q5_1", "Q5_0", "Q4_0"]),
                          min_size=2, unique=True))  # fmt: skip
def test_fewer_bits_never_take_more_bytes(shape, chosen):
    order = ["F32", "F16", "Q8_0", "Q5_1", "Q5_0", "Q4_0"]

    def size(scheme):
        made = Quantizer(scheme, shape.layers, shape.heads // shape.kv_heads, shape.tied, False)
        return sum(stored_bytes(t, made.format_of(t)) for t in shape.tensors)

    sizes = [size(scheme) for scheme in sorted(chosen, key=order.index)]
    assert sizes == sorted(sizes, reverse=True)


@given(shapes(), st.integers(1, 1 << 34), st.integers(1, 20_000), st.integers(0, 20_000))
def test_a_longer_context_never_takes_less_memory(shape, weights, tokens, more):
    assert memory_at(shape, weights, tokens + more) >= memory_at(shape, weights, tokens)


@given(shapes(), st.integers(1, 1 << 34), st.integers(1, 1 << 36))
def test_the_longest_context_fits_and_a_longer_one_does_not(shape, weights, free):
    longest = longest_context(shape, weights, free)
    assert 0 <= longest <= shape.trained_context
    if longest:
        assert memory_at(shape, weights, longest) <= free
    if longest < shape.trained_context:
        assert memory_at(shape, weights, longest + 256) > free


@given(shapes(), devices(), st.floats(0, 1000), st.floats(0, 1000))
def test_the_recommended_fits_is_fast_enough_and_has_the_most_bits(shape, device, speed, wait):
    floor = Floor(speed, wait)
    found = forecast(shape, device, WORK, SCHEMES)
    best = recommended(found, floor)
    good = [each for each in found if each.fits and not floor.problem(each)]
    assert (best is None) == (not good)
    if best is not None:
        assert best in good
        assert best.bits_per_weight == max(each.bits_per_weight for each in good)


@given(st.sampled_from(sorted(BLOCKS)), st.integers(1, 20_000))
def test_rows_fill_the_blocks_of_their_format(wanted, width):
    chosen = fitting(wanted, width)
    assert width % BLOCKS[chosen][0] == 0
    assert (chosen == wanted) == (width % BLOCKS[wanted][0] == 0)
