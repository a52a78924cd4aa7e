"""Packs: rows that share a context are trained in one sequence.

A pack is ``context | question 1, completion 1 | question 2, completion 2 | ...``. Every row
sees the context and itself, never its neighbours, and its positions continue the context, so
the loss is the sum of the losses of the rows taken alone while the context, nine tenths of a
RAFT row, is computed once. Several packs may stand in one sequence; they do not see each
other either, so nothing is padded.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfta.training.rows import EncodedRow

_CONTEXT = -1


@dataclass(frozen=True, slots=True)
class Pack:
    """Rows with one context."""

    rows: tuple[EncodedRow, ...]
    counted: bool = True
    """Whether its loss counts; one that does not keeps several processes in step."""

    @property
    def tokens(self) -> int:
        """Length in the sequence; the context counts once."""
        return len(self.rows[0].context) + sum(
            len(row.question) + len(row.completion) for row in self.rows
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """One or more packs as arrays over their L tokens, and their N predicted tokens."""

    ids: NDArray[np.int64]
    """(L,) token ids."""
    positions: NDArray[np.int64]
    """(L,) position of each token in its own row."""
    pack: NDArray[np.int64]
    """(L,) number of the pack."""
    row: NDArray[np.int64]
    """(L,) number of the row in its pack, -1 in the context."""
    predicting: NDArray[np.int64]
    """(N,) index of the token whose output predicts a target."""
    targets: NDArray[np.int64]
    """(N,) the completion's tokens."""
    refusal: NDArray[np.bool_]
    """(N,) whether the target belongs to a refusal."""
    counted: NDArray[np.bool_]
    """(N,) whether its loss counts."""

    def visible(self) -> NDArray[np.bool_]:
        """(L, L) whether the token of a line may attend to the token of a column."""
        order = np.arange(len(self.ids))
        earlier = order[None, :] <= order[:, None]
        same_pack = self.pack[None, :] == self.pack[:, None]
        shared = self.row[None, :] == _CONTEXT
        same_row = self.row[None, :] == self.row[:, None]
        visible: NDArray[np.bool_] = earlier & same_pack & (shared | same_row)
        return visible


def make_packs(
    rows: Sequence[EncodedRow], *, max_tokens: int, seed: int, most_closed: int = 16
) -> list[Pack]:
    """Group rows by context, in an order that depends on the seed and the rows only.

    Rows without documents share the prefix alone, all of them. At most `most_closed` of them
    make a pack: a pack is kept whole in an optimizer step.
    """
    groups: dict[tuple[int, ...], list[EncodedRow]] = {}
    for row in sorted(rows, key=lambda r: r.id):
        groups.setdefault(row.context, []).append(row)
    packs: list[Pack] = []
    for members in groups.values():
        random.Random(f"{seed}/{members[0].id}").shuffle(members)
        current: list[EncodedRow] = []
        for row in members:
            full = row.chunks == 0 and len(current) >= most_closed
            if current and (full or Pack((*current, row)).tokens > max_tokens):
                packs.append(Pack(tuple(current)))
                current = []
            current.append(row)
        packs.append(Pack(tuple(current)))
    random.Random(seed).shuffle(packs)
    return packs


def lay_out(packs: Sequence[Pack]) -> Layout:
    """Arrange packs one after the other."""
    ids: list[int] = []
    columns: list[tuple[int, int, int]] = []
    predicting: list[int] = []
    targets: list[int] = []
    refusal: list[bool] = []
    counted: list[bool] = []
    for number, pack in enumerate(packs):
        context = pack.rows[0].context
        ids += context
        columns += [(position, number, _CONTEXT) for position in range(len(context))]
        for index, row in enumerate(pack.rows):
            first = len(ids) + len(row.question)
            ids += row.question + row.completion
            length = len(row.question) + len(row.completion)
            columns += [(len(context) + offset, number, index) for offset in range(length)]
            predicting += range(first - 1, first - 1 + len(row.completion))
            targets += row.completion
            refusal += [row.refusal] * len(row.completion)
            counted += [pack.counted] * len(row.completion)
    table = np.array(columns, dtype=np.int64).reshape(-1, 3)
    return Layout(
        ids=np.array(ids, dtype=np.int64),
        positions=table[:, 0],
        pack=table[:, 1],
        row=table[:, 2],
        predicting=np.array(predicting, dtype=np.int64),
        targets=np.array(targets, dtype=np.int64),
        refusal=np.array(refusal, dtype=np.bool_),
        counted=np.array(counted, dtype=np.bool_),
    )
