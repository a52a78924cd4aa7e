"""Cross-entropy of token predictions in little memory.

A vocabulary is large and logits are many: the usual way holds them in 32 bits three times. Here
a few rows at a time are in 32 bits, and the gradient takes the place of nothing but itself.
"""

from typing import Any

import torch

_ROWS = 32  # as many as stay near the processor


class _TokenLosses(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        sums, picked = [], []
        for start in range(0, len(logits), _ROWS):
            rows = slice(start, start + _ROWS)
            scores = logits[rows].float()
            sums.append(scores.logsumexp(-1))
            picked.append(scores.gather(-1, targets[rows, None])[:, 0])
        total = torch.cat(sums)
        context.save_for_backward(logits, targets, total)
        return total - torch.cat(picked)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, targets, total = context.saved_tensors
        found = torch.empty_like(logits)
        for start in range(0, len(logits), _ROWS):
            rows = slice(start, start + _ROWS)
            shares = (logits[rows].float() - total[rows, None]).exp_()
            shares.scatter_add_(-1, targets[rows, None], -torch.ones_like(shares[:, :1]))
            found[rows] = shares.mul_(gradients[0][rows, None])
        return found, None


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-probability of each target, (N,) in float32.

    Args:
        logits: (N, vocabulary), in any format; computed with in float32.
        targets: (N,) token ids.
    """
    found: torch.Tensor = _TokenLosses.apply(logits, targets)  # type: ignore[no-untyped-call]
    return found
