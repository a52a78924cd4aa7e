"""Which format each tensor gets: the rules of llama.cpp's quantizer, one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.errors import ConfigError
from sfta_export.number_formats import (
    BLOCKS,
    SCHEMES,
    Quantizer,
    Tensor,
    bits_per_weight,
    fitting,
    stored_bytes,
)
from sfta_export.quantization import NOMINAL_BITS

LAYERS = 32
MATRICES = ("query", "key", "value", "qkv", "attention_output", "gate", "up", "down", "other")


def quantizer(scheme, *, layers=LAYERS, grouped=4, tied=True, importance=False):
    return Quantizer(scheme, layers, grouped, tied, importance)


def kind(scheme, role, layer=10, width=1024, **facts):
    return quantizer(scheme, **facts).format_of(Tensor(role, layer, 64, width))


def layers_with(found, scheme, role, **facts):
    """The layers in which a matrix of this role has that format."""
    made = quantizer(scheme, **facts)
    return [
        layer for layer in range(LAYERS)
        if made.format_of(Tensor(role, layer, 64, 1024)) == found
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_has_one_dimension_keeps_32_bits(scheme):
    assert kind(scheme, "vector") == "F32"


@pytest.mark.parametrize("scheme", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("role", [*MATRICES, "embedding", "output"])
def test_unquantized_schemes_hold_every_matrix_alike(scheme, role):
    assert kind(scheme, role, width=100) == scheme


@pytest.mark.parametrize("role", MATRICES)
def test_eight_bits_are_eight_bits_everywhere(role):
    assert kind("Q8_0", role) == "Q8_0"


@pytest.mark.parametrize(
    ("scheme", "role", "tied", "found"),
    [
        ("Q4_0", "output", False, "Q6_K"),
        ("Q4_0", "embedding", True, "Q6_K"),
        ("Q4_0", "embedding", False, "Q4_0"),
        ("Q8_0", "output", False, "Q8_0"),
        ("Q8_0", "embedding", True, "Q8_0"),
        ("Q2_K", "output", False, "Q6_K"),
        ("Q2_K", "embedding", False, "Q2_K"),
        ("IQ4_XS", "embedding", True, "Q6_K"),
    ],
)
def test_what_gives_the_logits_keeps_more_bits(scheme, role, tied, found):
    assert kind(scheme, role, layer=-1, tied=tied) == found


@pytest.mark.parametrize(
    ("scheme", "found"), [("Q4_K_M", "Q8_0"), ("Q4_0", "Q8_0"), ("Q2_K", "Q8_0")]
)
def test_a_narrow_output_keeps_eight_bits(scheme, found):
    assert kind(scheme, "output", layer=-1, width=576) == found


@pytest.mark.parametrize(
    ("scheme", "role", "grouped", "found"),
    [
        ("Q2_K", "value", 4, "Q4_K"),
        ("Q2_K", "value", 1, "Q3_K"),
        ("Q2_K", "attention_output", 4, "Q3_K"),
        ("Q2_K", "down", 4, "Q3_K"),
        ("Q3_K_L", "value", 4, "Q5_K"),
        ("Q3_K_L", "down", 4, "Q5_K"),
        ("Q3_K_L", "attention_output", 4, "Q5_K"),
        ("Q3_K_M", "attention_output", 4, "Q4_K"),
        ("Q3_K_M", "down", 4, "Q4_K"),
        ("Q3_K_S", "down", 4, "Q3_K"),
        ("IQ4_XS", "value", 4, "Q5_K"),
        ("IQ4_XS", "value", 2, "IQ4_XS"),
        ("Q5_K_S", "value", 4, "Q5_K"),
        ("Q4_K_M", "query", 4, "Q4_K"),
        ("Q4_K_M", "up", 4, "Q4_K"),
        ("Q6_K", "down", 4, "Q6_K"),
    ],
)
def test_a_matrix_in_the_middle_has_its_format(scheme, role, grouped, found):
    assert kind(scheme, role, layer=11, grouped=grouped) == found


def test_first_layers_last_layers_and_every_third_between_get_more_bits():
    wanted = [*range(4), 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]
    for role in ("value", "down"):
        assert layers_with("Q6_K", "Q4_K_M", role) == sorted({*wanted})
        assert layers_with("Q6_K", "Q5_K_M", role) == sorted({*wanted})


@pytest.mark.parametrize(
    ("found", "scheme", "role", "count"),
    [
        ("Q5_K", "Q3_K_M", "value", 2),
        ("Q5_K", "Q3_K_M", "down", 2),
        ("Q5_K", "Q4_K_S", "value", 4),
        ("Q5_K", "Q4_K_S", "down", 4),
        ("Q5_K", "IQ4_XS", "down", 4),
    ],
)
def test_only_the_first_layers_get_more_bits(found, scheme, role, count):
    assert layers_with(found, scheme, role) == list(range(count))


def test_importances_change_what_is_guarded():
    assert layers_with("Q5_K", "IQ4_XS", "down", importance=True) == []
    assert layers_with("Q4_1", "Q4_0", "down", importance=True) == [0, 1, 2, 3]
    assert layers_with("Q5_1", "Q5_0", "down", importance=True) == [0, 1, 2, 3]
    assert layers_with("Q4_1", "Q4_0", "down") == []
    assert layers_with("Q4_1", "Q4_0", "up", importance=True) == []


@pytest.mark.parametrize(
    ("wanted", "width", "found"),
    [
        ("Q4_K", 576, "Q5_0"),
        ("Q5_K", 576, "Q5_1"),
        ("Q6_K", 576, "Q8_0"),
        ("Q3_K", 576, "Q4_0"),
        ("Q2_K", 576, "Q4_0"),
        ("IQ4_XS", 576, "IQ4_NL"),
        ("Q4_K", 512, "Q4_K"),
        ("Q4_0", 576, "Q4_0"),
        ("Q4_0", 100, "F16"),
        ("Q6_K", 100, "F16"),
        ("F16", 7, "F16"),
    ],
)
def test_rows_that_do_not_fit_are_stored_in_a_larger_format(wanted, width, found):
    assert fitting(wanted, width) == found


@pytest.mark.parametrize("scheme", sorted(NOMINAL_BITS))
def test_every_scheme_that_can_be_made_can_be_planned(scheme):
    assert scheme in SCHEMES
    # The layers of a wide model, without embedding and output, about as its name says.
    layers = [
        Tensor(role, layer, rows, 4096)
        for layer in range(LAYERS)
        for role, rows in (("query", 4096), ("key", 1024), ("value", 1024),
                           ("attention_output", 4096), ("gate", 14336), ("up", 14336),
                           ("down", 14336))
    ]  # fmt: skip
    assert bits_per_weight(layers, quantizer(scheme)) == pytest.approx(
        NOMINAL_BITS[scheme], rel=0.1
    )


@given(st.sampled_from(sorted(BLOCKS)), st.integers(1, 50), st.integers(1, 30))
def test_bytes_follow_from_whole_blocks(found, rows, blocks):
    weights, size = BLOCKS[found]
    tensor = Tensor("up", 0, rows, blocks * weights)
    assert stored_bytes(tensor, found) == rows * blocks * size
    assert tensor.weights == rows * blocks * weights


@pytest.mark.parametrize("scheme", ["", "q4_k_m", "Q4_K", "int4"])
def test_another_name_is_refused_with_those_that_are_known(scheme):
    with pytest.raises(ConfigError, match="no plan for the scheme") as info:
        quantizer(scheme)
    assert "Q4_K_M" in info.value.hint
