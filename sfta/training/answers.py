"""Answers of a model in training, written for some validation rows at once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from sfta.training.rows import EncodedRow

_MOST_TOKENS = 160


def write_answers(model: Any, rows: Sequence[EncodedRow]) -> list[list[int]]:
    """Token ids of the most probable answers, without the end of the turn.

    An answer that does not end within 160 tokens is cut there.

    Args:
        model: a causal language model; in training mode again afterwards.
        rows: what is asked; the last token of their completions ends a turn.
    """
    if not rows:
        return []
    end = rows[0].completion[-1]
    prompts = [torch.tensor([*row.context, *row.question]) for row in rows]
    # Filled up on the left, so that all answers begin at one place.
    ids = pad_sequence(prompts, batch_first=True, padding_value=end, padding_side="left")
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    mask = torch.arange(ids.shape[1])[None, :] >= ids.shape[1] - lengths[:, None]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.long().to(model.device),
            max_new_tokens=_MOST_TOKENS,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=end,
            pad_token_id=end,
            use_cache=True,
        )
    model.train(was_training)
    written = found[:, ids.shape[1] :].tolist()
    return [line[: line.index(end)] if end in line else line for line in written]
