"""Attention over a pack is attention by its mask, and the losses are those of cross-entropy."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from sfta.training.attention import PackShape, pack_attention
from sfta.training.loss import token_losses
from sfta.training.packing import Pack, lay_out
from sfta.training.rows import EncodedRow

MODULE = SimpleNamespace(num_key_value_groups=2, is_causal=True, training=False)
SHAPES = [(1, [1]), (5, [3, 1, 4]), (9, [2, 2]), (2, [7])]


def inputs(length, dtype=torch.float64, *, heads=4, shared=2, width=8):
    generator = torch.Generator().manual_seed(length)

    def draw(count):
        return torch.randn(1, count, length, width, generator=generator).to(dtype)

    return [part.requires_grad_() for part in (draw(heads), draw(shared), draw(shared))]


def rows_of(context, lengths):
    rows = [
        EncodedRow(f"r{n}", tuple(range(context)), (1,) * (length - 1), (2,), refusal=False)
        for n, length in enumerate(lengths)
    ]
    return Pack(tuple(rows))


def by_mask(parts, pack, **options):
    mask = torch.from_numpy(lay_out([pack]).visible())[None, None]
    return pack_attention(MODULE, *parts, mask, **options)[0]


@pytest.mark.parametrize(("context", "lengths"), SHAPES)
def test_a_pack_attends_as_its_mask_says(context, lengths):
    parts = inputs(context + sum(lengths))
    shape = PackShape.of(context, lengths)
    found = pack_attention(MODULE, *parts, None, pack=shape, scaling=0.3)[0]
    wanted = by_mask(parts, rows_of(context, lengths), scaling=0.3)
    assert torch.allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize(("context", "lengths"), SHAPES)
def test_gradients_are_those_of_the_mask(context, lengths):
    length, gradients = context + sum(lengths), []
    for way in ("pack", "mask"):
        parts = inputs(length)
        if way == "pack":
            found = pack_attention(MODULE, *parts, None, pack=PackShape.of(context, lengths))[0]
        else:
            found = by_mask(parts, rows_of(context, lengths))
        (found * torch.arange(found.numel()).view(found.shape)).sum().backward()
        gradients.append([part.grad for part in parts])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-9)


@given(st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_every_pack_attends_as_its_mask_says(context, lengths):
    parts = inputs(context + sum(lengths))
    found = pack_attention(MODULE, *parts, None, pack=PackShape.of(context, lengths))[0]
    assert torch.allclose(found, by_mask(parts, rows_of(context, lengths)), atol=1e-12)


def test_what_a_row_computes_does_not_depend_on_its_neighbours():
    shape = PackShape.of(4, [3, 5])
    parts = inputs(12)
    before = pack_attention(MODULE, *parts, None, pack=shape)[0]
    with torch.no_grad():
        for part in parts:
            part[:, :, 4:7] += 1.0
    after = pack_attention(MODULE, *parts, None, pack=shape)[0]
    assert torch.equal(before[:, :4], after[:, :4])
    assert torch.equal(before[:, 7:], after[:, 7:])
    assert not torch.allclose(before[:, 4:7], after[:, 4:7])


def test_more_than_plain_attention_is_not_silently_left_out():
    parts = inputs(9)
    with pytest.raises(ValueError, match="softcap"):
        pack_attention(MODULE, *parts, None, pack=PackShape.of(5, [3, 1]), softcap=30.0)


def test_in_16_bits_it_is_as_near_to_exact_as_the_fused_kernel():
    exact = inputs(60)
    pack, shape = rows_of(30, [10, 20]), PackShape.of(30, [10, 20])
    half = [part.detach().to(torch.bfloat16) for part in exact]
    wanted = by_mask(exact, pack)
    error = (pack_attention(MODULE, *half, None, pack=shape)[0] - wanted).abs().max()
    fused = (by_mask(half, pack) - wanted).abs().max()
    assert error < 2 * fused + 0.01


@pytest.mark.parametrize("rows", [1, 31, 32, 70])
def test_losses_and_gradients_are_those_of_cross_entropy(rows):
    torch.manual_seed(rows)
    logits = (4 * torch.randn(rows, 50)).requires_grad_()
    targets, weights = torch.randint(50, (rows,)), torch.rand(rows)
    found = token_losses(logits, targets)
    (found * weights).sum().backward()
    mine, logits.grad = logits.grad, None
    wanted = functional.cross_entropy(logits, targets, reduction="none")
    (wanted * weights).sum().backward()
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(mine, logits.grad, atol=1e-6)


def test_losses_of_16_bit_logits_are_added_up_in_32():
    logits = (4 * torch.randn(40, 50)).to(torch.bfloat16)
    targets = torch.randint(50, (40,))
    wanted = functional.cross_entropy(logits.float(), targets, reduction="none")
    assert torch.allclose(token_losses(logits, targets), wanted, atol=1e-5)


def test_off_the_cpu_the_mask_is_followed():
    """The shape of a pack stays on the CPU: a GPU whose batch holds one pack gets the mask."""
    parts = [part.detach().to("meta") for part in inputs(9)]
    mask = torch.ones(1, 1, 9, 9, dtype=torch.bool, device="meta")
    found = pack_attention(MODULE, *parts, mask, pack=PackShape.of(5, [3, 1]))[0]
    assert (found.device.type, found.shape) == ("meta", (1, 9, 4, 8))


def windowed(parts, pack, window):
    """Attention by the mask of a pack, narrowed to a window along each row's own positions."""
    layout = lay_out([pack])
    places = torch.from_numpy(layout.positions)
    near = places[:, None] - places[None, :] < window
    mask = (torch.from_numpy(layout.visible()) & near)[None, None]
    return pack_attention(MODULE, *parts, mask)[0]


@given(
    st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 9)
)
def test_a_layer_with_a_window_sees_that_much_of_its_own_row(context, lengths, window):
    parts, pack = inputs(context + sum(lengths)), rows_of(context, lengths)
    layout = lay_out([pack])
    found = pack_attention(
        MODULE,
        *parts,
        torch.from_numpy(layout.visible())[None, None],
        pack=PackShape.of(context, lengths),
        sliding_window=window,
        position_ids=torch.from_numpy(layout.positions)[None],
    )[0]
    assert torch.allclose(found, windowed(parts, pack, window), atol=1e-12)


def test_a_window_as_long_as_the_pack_changes_nothing():
    parts, pack = inputs(12), rows_of(4, [3, 5])
    layout = lay_out([pack])
    places = torch.from_numpy(layout.positions)[None]
    shape = PackShape.of(4, [3, 5])
    found = pack_attention(
        MODULE, *parts, None, pack=shape, sliding_window=12, position_ids=places
    )[0]
    assert torch.equal(found, pack_attention(MODULE, *parts, None, pack=shape)[0])
