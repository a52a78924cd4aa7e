"""How likely texts are after a prompt that is in memory.

Texts are compared side by side, each in a sequence of its own that begins with the prompt. What
several begin with is computed once, for all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sfta_edge.context import Context, Entry, Floats
from sfta_edge.errors import ConfigError

SCORED = 64
"""Most tokens of one batch; each takes a row of logits, a quarter of a megabyte or so. llama.cpp
computes attention for 64 tokens nearly as fast as for 32 (benchmarks/batches.py)."""
SIDE_BY_SIDE = 16
"""Most texts in one batch."""

Option = tuple[int, ...]


def log_softmax(row: Floats) -> Floats:
    """Logits as logarithms of probabilities, shape (vocabulary,); a copy."""
    shifted = row - np.max(row)
    # Added up with more digits: most of a vocabulary is small beside its largest.
    total = np.sum(np.exp(shifted), dtype=np.float64)
    result: Floats = shifted - np.float32(np.log(total))
    return result


@dataclass(slots=True)
class OptionGroup:
    """Options that fit into one batch, and the tokens to compute for them."""

    options: list[Option] = field(default_factory=list)
    beginnings: dict[Option, list[int]] = field(default_factory=dict)
    """What is followed by another token, with the places of the options that begin with it."""

    def takes(self, option: Option, size: int, texts: int) -> bool:
        """Add an option; False if it does not fit, which an empty group never says."""
        more = [option[:end] for end in range(1, len(option))]
        new = sum(beginning not in self.beginnings for beginning in more)
        full = len(self.beginnings) + new > size or len(self.options) == texts
        if full and self.options:
            return False
        for beginning in more:
            self.beginnings.setdefault(beginning, []).append(len(self.options))
        self.options.append(option)
        return True


def grouped(options: Sequence[Sequence[int]], size: int, texts: int) -> Iterator[OptionGroup]:
    """Each different option once, in groups that do not depend on the order of the options.

    Raises:
        ConfigError: an empty option.
    """
    different = sorted({tuple(option) for option in options})
    if different and not different[0]:
        raise ConfigError("an option needs at least one token")
    group = OptionGroup()
    for option in different:
        if not group.takes(option, size, texts):
            yield group
            group = OptionGroup()
            group.takes(option, size, texts)
    if group.options:
        yield group


def score_group(
    context: Context, group: OptionGroup, position: int, start: Floats
) -> dict[Option, tuple[float, ...]]:
    """Logarithm of the probability of each token of each option; all are forgotten again.

    Args:
        context: holds the prompt in its first sequence and has others beside it.
        group: options that are compared.
        position: tokens of the prompt.
        start: log-probabilities of the token after the prompt.

    Raises:
        ConfigError: a recurrent model, which cannot step back.
    """
    size = min(SCORED, context.shape.batch)
    if len(group.beginnings) > size or context.shape.sequences == 1:
        (option,) = group.options
        return {option: _score_long(context, option, position, start, size)}
    after: dict[Option, Floats] = {(): start}
    if group.beginnings:
        _compute(context, group, position)
        for row, beginning in enumerate(group.beginnings):
            after[beginning] = log_softmax(context.logits(row))
        for place in range(len(group.options)):
            context.forget(0, place + 1)
    return {
        option: tuple(float(after[option[:at]][token]) for at, token in enumerate(option))
        for option in group.options
    }


def _compute(context: Context, group: OptionGroup, position: int) -> None:
    for place in range(len(group.options)):
        context.continue_as(place + 1)
    context.decode(
        [
            Entry(
                beginning[-1],
                position + len(beginning) - 1,
                places[0] + 1,
                wanted=True,
                shared=tuple(place + 1 for place in places[1:]),
            )
            for beginning, places in group.beginnings.items()
        ]
    )


def _score_long(
    context: Context, option: Option, position: int, start: Floats, size: int
) -> tuple[float, ...]:
    """An option that takes several batches, behind the prompt itself."""
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
    if not context.forget(position):
        raise ConfigError(
            f"{context.model.path.name} is a recurrent model: it cannot step back",
            hint="Set choose_quotes to false.",
        )
    return tuple(scores)
