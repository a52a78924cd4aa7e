"""Reading a prompt into memory, and what of the last prompt can stay there.

A prompt is computed in pieces that never cross a segment. Pieces which the previous prompt
began with stay in memory. A kept piece was computed with the same shape from the same past,
so keeping it does not change a bit of the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sfta_edge.context import Context, Entry, Floats
from sfta_edge.generation import FinishReason, Limits

PIECE = 256  # the granularity of deadlines; larger pieces were 1 % faster


@dataclass(frozen=True, slots=True)
class Prefilled:
    """The outcome of reading a prompt."""

    reused: int
    """Tokens that were still in memory."""
    row: int
    """Which entry of the last batch holds the logits after the prompt."""
    interrupted: FinishReason | None = None
    """Why it ended before the prompt did."""


class PromptMemory:
    """The tokens of one sequence of a context."""

    def __init__(self, context: Context, sequence: int = 0) -> None:
        self._context, self._sequence = context, sequence
        self._size = min(PIECE, context.shape.batch)
        self._kept: list[tuple[int, ...]] = []

    def prefill(self, segments: Sequence[Sequence[int]], limits: Limits) -> Prefilled:
        """Compute what of the prompt is not in memory, dropping what does not belong to it."""
        pieces = self._pieces(segments)
        same = self._keep(pieces)
        position = reused = sum(map(len, pieces[:same]))
        for piece in pieces[same:]:
            if reason := limits.interruption():
                return Prefilled(reused, 0, reason)
            last = len(piece) - 1
            self._context.decode(
                [
                    Entry(token, position + i, self._sequence, wanted=i == last)
                    for i, token in enumerate(piece)
                ]
            )
            self._kept.append(piece)
            position += len(piece)
        return Prefilled(reused, len(pieces[-1]) - 1)

    def _keep(self, pieces: list[tuple[int, ...]]) -> int:
        """How many leading pieces stay in memory; the rest is forgotten."""
        same = 0
        # The last piece is always computed: its logits are needed.
        for old, new in zip(self._kept, pieces[:-1], strict=False):
            if old != new:
                break
            same += 1
        if not self._context.forget(sum(map(len, pieces[:same])), self._sequence):
            # A recurrent model cannot step back, only start again.
            self._context.forget(0, self._sequence)
            same = 0
        del self._kept[same:]
        return same

    def _pieces(self, segments: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
        return [
            tuple(segment[at : at + self._size])
            for segment in segments
            for at in range(0, len(segment), self._size)
        ]


def first_token_scores(row: Floats, bias: Mapping[int, float]) -> dict[int, float]:
    """For each biased token how sure the model is, without the bias, that it comes first.

    The score is the logistic function of the distance to the best other token: 0 to 1, 0.5 at
    a tie. A bias of ``ln((1 - t) / t)`` makes a token come first exactly if its score exceeds t.
    """
    scores = {}
    for token in bias:
        margin = float(row[token]) - float(np.max(np.delete(row, token)))
        scores[token] = float(1.0 / (1.0 + np.exp(-np.clip(margin, -60.0, 60.0))))
    return scores
