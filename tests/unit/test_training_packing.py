"""Packs: rows that share a context are computed together and learn the same."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from sfta.training.packing import Pack, lay_out, make_packs
from sfta.training.rows import EncodedRow
from sfta.training.steps import collate
from sfta.training.trainer import weighted_loss


def row(name, context, question=(5, 6), completion=(7, 8, 2), *, refusal=False):
    return EncodedRow(name, tuple(context), tuple(question), tuple(completion), refusal=refusal)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config).eval()


def loss_alone(model, one):
    """The loss of one row by the plainest route: whole sequence, causal mask, cross-entropy."""
    ids = torch.tensor([[*one.context, *one.question, *one.completion]])
    logits = model(ids).logits[0]
    first = ids.shape[1] - len(one.completion)
    return torch.nn.functional.cross_entropy(
        logits[first - 1 : -1], ids[0, first:], reduction="sum"
    )


ROWS = [
    row("a", [1, 2, 3, 4], [5, 6], [7, 8, 2]),
    row("b", [1, 2, 3, 4], [9], [10, 2]),
    row("c", [1, 2, 3, 4], [11, 12, 13], [14, 2], refusal=True),
    row("d", [21, 22], [23], [24, 25, 26, 2]),
]


def test_the_loss_of_a_pack_is_the_sum_of_the_losses_of_its_rows(model):
    together = [Pack(tuple(ROWS[:3])), Pack((ROWS[3],))]
    total, _ = weighted_loss(model, collate(together, refusal_weight=1.0))
    alone = sum(loss_alone(model, one) for one in ROWS)
    assert torch.allclose(total, alone, rtol=1e-5)


def test_a_row_does_not_see_its_neighbours(model):
    changed = row("a", [1, 2, 3, 4], [30, 31], [32, 33, 2])
    second = slice(3, 5)  # the two targets of row b
    _, before = weighted_loss(model, collate([Pack((ROWS[0], ROWS[1]))], refusal_weight=1.0))
    _, after = weighted_loss(model, collate([Pack((changed, ROWS[1]))], refusal_weight=1.0))
    assert torch.allclose(before[second], after[second], atol=1e-6)
    assert not torch.allclose(before[:3], after[:3], atol=1e-3)


def test_gradients_of_a_pack_equal_those_of_its_rows(model):
    def gradients(compute):
        model.zero_grad()
        compute().backward()
        return torch.cat([p.grad.flatten() for p in model.parameters()])

    together = gradients(
        lambda: weighted_loss(model, collate([Pack(tuple(ROWS[:3]))], refusal_weight=1.0))[0]
    )
    alone = gradients(lambda: sum(loss_alone(model, one) for one in ROWS[:3]))
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_the_weight_of_a_refusal_scales_its_tokens_only(model):
    packs = [Pack(tuple(ROWS[:3]))]
    full, _ = weighted_loss(model, collate(packs, refusal_weight=1.0))
    none, _ = weighted_loss(model, collate(packs, refusal_weight=0.0))
    assert torch.allclose(full - none, loss_alone(model, ROWS[2]), rtol=1e-4)


def test_every_completion_token_is_predicted_and_no_other():
    layout = lay_out([Pack(tuple(ROWS[:3])), Pack((ROWS[3],))])
    wanted = [token for one in ROWS for token in one.completion]
    assert layout.targets.tolist() == wanted
    assert layout.ids[layout.predicting + 1].tolist() == wanted
    assert layout.refusal.sum() == len(ROWS[2].completion)


def test_a_row_continues_the_positions_of_the_context():
    layout = lay_out([Pack(tuple(ROWS[:2]))])
    assert layout.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 5, 6]


tokens = st.lists(st.integers(3, 60), min_size=1, max_size=6)
encoded = st.builds(
    lambda name, context, question, completion, refusal: row(
        name, context, question, completion, refusal=refusal
    ),
    st.text("abcdef", min_size=1, max_size=6),
    st.sampled_from([[1, 2], [1, 3, 4], [9]]),
    tokens,
    tokens,
    st.booleans(),
)
row_lists = st.lists(encoded, min_size=1, max_size=12, unique_by=lambda r: r.id)


@given(row_lists, st.integers(20, 60), st.integers(0, 3))
def test_packing_keeps_every_row_once_and_depends_on_the_rows_only(rows, limit, seed):
    packs = make_packs(rows, max_tokens=limit, seed=seed)
    kept = sorted(one.id for pack in packs for one in pack.rows)
    assert kept == sorted(one.id for one in rows)
    assert packs == make_packs(rows[::-1], max_tokens=limit, seed=seed)
    assert all(len({one.context for one in pack.rows}) == 1 for pack in packs)
    assert all(len(pack.rows) == 1 or pack.tokens <= limit for pack in packs)


@given(row_lists)
def test_a_token_sees_the_past_of_its_own_row_and_nothing_else(rows):
    layout = lay_out(make_packs(rows, max_tokens=200, seed=0))
    visible = layout.visible()
    assert visible.diagonal().all()
    assert not np.triu(visible, 1).any()
    # Each token sees exactly as many tokens as its position counts, itself included.
    assert (visible.sum(1) == layout.positions + 1).all()


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 9))
def test_rows_without_documents_fill_no_step_with_one_pack(count, most, seed):
    closed = [
        EncodedRow(f"r{n}", (1, 2), (5,), (7, 2), refusal=False, chunks=0) for n in range(count)
    ]
    packs = make_packs(closed, max_tokens=10_000, seed=seed, most_closed=most)
    assert max(len(pack.rows) for pack in packs) <= most
    assert sorted(one.id for pack in packs for one in pack.rows) == sorted(r.id for r in closed)
    shown = [row(f"r{n}", [1, 2]) for n in range(count)]
    assert len(make_packs(shown, max_tokens=10_000, seed=seed, most_closed=most)) == 1
