"""Attention over one pack, without the pairs that its mask would throw away.

Rows of a pack see the context and themselves, never each other: of the L x L pairs of a dense
mask they need a third or less. Here the context attends to itself, and each row to the context
and to itself, both by plain matrix products, for which a CPU is faster than its fused kernel.
What is computed is what the mask means; tests hold both equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sfta_pack"
"""As `attn_implementation`; without a pack it is `sdpa`."""


@dataclass(frozen=True, slots=True)
class PackShape:
    """Where the parts of one pack stand in its sequence."""

    context: int
    """Tokens of the context, at least one; they come first."""
    place: torch.Tensor
    """(R, N) places of the tokens of R rows; shorter rows repeat their first."""
    real: torch.Tensor
    """(R, N) whether it is a token and no repetition."""
    hidden: torch.Tensor
    """(R, N, N) whether the token of a line may not attend to that of a column."""
    future: torch.Tensor
    """(C, C) the same in the context."""

    @classmethod
    def of(cls, context: int, rows: Sequence[int]) -> "PackShape":
        """The shape of a pack.

        Args:
            context: length of the context.
            rows: length of each row, at least one row of at least one token.
        """
        lengths = torch.tensor(rows)
        starts = context + torch.cumsum(lengths, 0) - lengths
        spans = [torch.arange(int(n)) for n in lengths]
        real = pad_sequence([torch.ones_like(span, dtype=torch.bool) for span in spans], True)
        place = pad_sequence(spans, batch_first=True) + starts[:, None]
        steps = torch.arange(real.shape[1])
        seen = (steps[None, :] <= steps[:, None])[None] & real[:, None, :]
        future = torch.ones(context, context, dtype=torch.bool).triu(1)
        return cls(context, place, real, ~seen, future)


def pack_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    pack: PackShape | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: (1, heads, L, d) to (1, L, heads, d).

    Without a pack, off the CPU, or where the model wants more than plain attention, by the mask. It
    goes along with a pack too: a model that does not hand the pack on is right all the same.
    Layers that see a window only, as every model of the Gemma family has, see that much of their
    own row: a mask that is given whole is not narrowed by transformers.
    """
    window, places = others.get("sliding_window"), others.get("position_ids")
    if window and attention_mask is not None and places is not None and query.shape[2] > window:
        near = places[:, None, :, None] - places[:, None, None, :] < window
        attention_mask, pack = attention_mask & near, None
    special = any(
        others.get(name) is not None for name in ("softcap", "s_aux", "position_bias")
    )
    if pack is None or special or query.device.type != "cpu":
        out, _ = sdpa_attention_forward(
            module,
            query,
            key,
            value,
            attention_mask,
            dropout=dropout,
            scaling=scaling,
            **others,
        )
        return out, None
    # The products are in the format of the inputs; softmax adds up in 32 bits by itself.
    with torch.autocast(query.device.type, enabled=False):
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        heads, width = key.shape[1], query.shape[-1]
        grouped = (query[0] * scale).to(value.dtype).view(heads, -1, query.shape[2], width)
        parts = _Parts(grouped, key[0].to(value.dtype), value[0], pack, dropout)
        found = torch.cat([parts.context(), parts.rows()], dim=1)
    return found.transpose(0, 1)[None], None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The two parts of the result; heads that share keys are groups of one product."""

    query: torch.Tensor
    """(K, G, L, d), scaled."""
    key: torch.Tensor
    """(K, L, d)."""
    value: torch.Tensor
    pack: PackShape
    dropout: float

    def context(self) -> torch.Tensor:
        """(K * G, C, d): the context, of itself."""
        count = self.pack.context
        keys, values = self.key[:, :count], self.value[:, :count]
        scores = self._products(self.query[:, :, :count], keys)
        shares = self._shares(scores.masked_fill(self.pack.future, float("-inf")))
        return self._sums(shares, values).flatten(0, 1)

    def rows(self) -> torch.Tensor:
        """(K * G, L - C, d): the rows, of the context and of themselves."""
        pack, (rows, width) = self.pack, self.pack.place.shape
        heads, groups, _, depth = self.query.shape
        places = pack.place.flatten()
        query = self.query[:, :, places]
        keys = self.key[:, places].view(heads, 1, rows, width, depth)
        values = self.value[:, places].view(heads, 1, rows, width, depth)
        before = self._products(query, self.key[:, : pack.context])
        own = query.view(heads, groups, rows, width, depth) @ keys.transpose(-1, -2)
        own = own.masked_fill(pack.hidden, float("-inf")).flatten(2, 3)
        shares = self._shares(torch.cat([before, own], dim=-1))
        found = self._sums(shares[..., : pack.context], self.value[:, : pack.context])
        inside = shares[..., pack.context :].reshape(heads, groups, rows, width, width) @ values
        return (found + inside.flatten(2, 3)).flatten(0, 1)[:, pack.real.flatten()]

    @staticmethod
    def _products(query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """(K, G, T, d) and (K, C, d) to (K, G, T, C)."""
        heads, groups, tokens, _ = query.shape
        return (query.flatten(1, 2) @ keys.transpose(-1, -2)).view(heads, groups, tokens, -1)

    @staticmethod
    def _sums(shares: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """(K, G, T, C) and (K, C, d) to (K, G, T, d)."""
        heads, groups, tokens, _ = shares.shape
        return (shares.flatten(1, 2) @ values).view(heads, groups, tokens, -1)

    def _shares(self, scores: torch.Tensor) -> torch.Tensor:
        return functional.dropout(scores.softmax(-1), self.dropout, training=self.dropout > 0)


AttentionInterface.register(NAME, pack_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
