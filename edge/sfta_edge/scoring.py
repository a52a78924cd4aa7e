"""How likely a text is after a prompt that is in memory."""

from collections.abc import Sequence

import numpy as np

from sfta_edge.context import Context, Entry, Floats
from sfta_edge.errors import ConfigError

SCORED = 32
"""Tokens of one batch; each takes a row of logits, a quarter of a megabyte or so."""


def log_softmax(row: Floats) -> Floats:
    """Logits as logarithms of probabilities, shape (vocabulary,); a copy, in float64."""
    shifted = row.astype(np.float64) - np.max(row)
    result: Floats = shifted - np.log(np.sum(np.exp(shifted)))
    return result


def score_option(
    context: Context, option: Sequence[int], position: int, start: Floats
) -> tuple[float, ...]:
    """Logarithm of the probability of each token of an option, which is forgotten again.

    Args:
        context: holds the prompt in its first sequence.
        option: token ids.
        position: tokens of the prompt.
        start: log-probabilities of the token after the prompt.

    Raises:
        ConfigError: an empty option, or a recurrent model, which cannot step back.
    """
    if not option:
        raise ConfigError("an option needs at least one token")
    size = min(SCORED, context.shape.batch)
    scores = [float(start[option[0]])]
    known = option[:-1]  # nothing is asked about what follows the last token
    for at in range(0, len(known), size):
        piece = known[at : at + size]
        context.decode([Entry(t, position + at + i, wanted=True) for i, t in enumerate(piece)])
        following = option[at + 1 : at + 1 + len(piece)]
        scores += [
            float(log_softmax(context.logits(row))[token])
            for row, token in enumerate(following)
        ]
    if known and not context.forget(position):
        raise ConfigError(
            f"{context.model.path.name} is a recurrent model: it cannot compare quotes",
            hint="Set choose_quotes to false.",
        )
    return tuple(scores)
