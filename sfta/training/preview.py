"""What training sees of a row: every token, and whether it carries loss.

The mask is not told again here: it is read off the layout that the trainer is given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sfta.training.packing import Pack, lay_out
from sfta.training.rows import RowEncoder

Decode = Callable[[Sequence[int]], str]
_BROKEN = "\ufffd"
_WINDOW = 12  # tokens that are decoded again to see what one of them adds


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring tokens that all carry loss, or none of them."""

    loss: bool
    tokens: tuple[str, ...]
    """Text of each token; joined they are the text of the stretch."""

    @property
    def text(self) -> str:
        """The text of the stretch."""
        return "".join(self.tokens)


@dataclass(frozen=True, slots=True)
class MaskedRow:
    """One row as training sees it."""

    id: str
    stretches: tuple[Stretch, ...]

    @property
    def tokens(self) -> int:
        """All tokens."""
        return sum(len(stretch.tokens) for stretch in self.stretches)

    @property
    def loss_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(len(stretch.tokens) for stretch in self.stretches if stretch.loss)


def masked_row(row: Mapping[str, Any], encoder: RowEncoder, decode: Decode) -> MaskedRow:
    """Encode one row as for training and mark the tokens that are predicted."""
    encoded = encoder.encode(row)
    layout = lay_out([Pack((encoded,))])
    # The output at a place predicts the token after it.
    predicted = {int(place) + 1 for place in layout.predicting}
    ids = [int(token) for token in layout.ids]
    stretches = [
        Stretch(loss, _pieces([ids[place] for place in places], decode))
        for loss, places in groupby(range(len(ids)), key=lambda place: place in predicted)
    ]
    return MaskedRow(encoded.id, tuple(stretches))


def _pieces(ids: Sequence[int], decode: Decode) -> tuple[str, ...]:
    """Text of each token; a character of several tokens stands with the last of them."""
    pieces = []
    for end in range(1, len(ids) + 1):
        start = max(0, end - _WINDOW)
        text, before = decode(ids[start:end]), decode(ids[start : end - 1])
        broken = text.endswith(_BROKEN)
        pieces.append("" if broken else text[len(before.rstrip(_BROKEN)) :])
    return tuple(pieces)
