"""Comparing texts side by side after a prompt that any sequence holds.

As `scoring.score_group`, which belongs to an engine with one prompt: here every batch is a step of
its own, and other work comes between two of them.
"""

from collections.abc import Sequence
from typing import Protocol

from sfta_edge.context import AbortedError, Context, Entry, Floats
from sfta_edge.errors import ConfigError
from sfta_edge.scoring import Option, OptionGroup, log_softmax

Scores = dict[Option, tuple[float, ...]]


class Compute(Protocol):
    """What computes; `computing.Computation` is one."""

    def together(self, entries: Sequence[Entry]) -> None: ...
    def alone(self, entries: Sequence[Entry]) -> None: ...


class Comparison:
    """One context in which texts are compared: after prompts, in the sequences beside them."""

    def __init__(self, context: Context, compute: Compute, beside: int, size: int) -> None:
        """Use the sequences from `beside` on, and compute at most `size` tokens at once."""
        self._context, self._compute = context, compute
        self._beside, self._size = beside, size

    def scores(self, group: OptionGroup, sequence: int, position: int, start: Floats) -> Scores:
        """Logarithm of the probability of each token of each option; all are forgotten again.

        Args:
            group: options that are compared.
            sequence: holds the prompt.
            position: tokens of the prompt.
            start: log-probabilities of the token after the prompt.

        Raises:
            ConfigError: a recurrent model, which cannot step back.
        """
        if len(group.beginnings) > self._size or self._context.model.is_recurrent:
            (option,) = group.options
            return {option: self._long(option, sequence, position, start)}
        after: dict[Option, Floats] = {(): start}
        if group.beginnings:
            try:
                self._beside_each_other(group, sequence, position)
                for row, beginning in enumerate(group.beginnings):
                    after[beginning] = self.probabilities(row)
            finally:
                self._forget(len(group.options))
        return {
            option: tuple(float(after[option[:at]][token]) for at, token in enumerate(option))
            for option in group.options
        }

    def probabilities(self, row: int) -> Floats:
        """Logarithms of the probabilities after an entry of the last batch.

        Raises:
            IntegrityError: they are no numbers.
        """
        logits = self._context.logits(row)
        self._context.require_numbers(logits)
        return log_softmax(logits)

    def _beside_each_other(self, group: OptionGroup, sequence: int, position: int) -> None:
        entries = [
            Entry(
                beginning[-1],
                position + len(beginning) - 1,
                self._beside + places[0],
                wanted=True,
                shared=tuple(self._beside + place for place in places[1:]),
            )
            for beginning, places in group.beginnings.items()
        ]
        count = len(group.options)
        self._continue(count, sequence)
        try:
            self._compute.together(entries)
        except AbortedError:
            # What several sequences share is still in the others: begin anew.
            self._forget(count)
            self._continue(count, sequence)
            self._compute.alone(entries)

    def _continue(self, count: int, sequence: int) -> None:
        for place in range(count):
            self._context.continue_as(self._beside + place, sequence)

    def _forget(self, count: int) -> None:
        for place in range(count):
            self._context.forget(0, self._beside + place)

    def _long(
        self, option: Option, sequence: int, position: int, start: Floats
    ) -> tuple[float, ...]:
        """An option that takes several batches, behind the prompt itself."""
        scores = [float(start[option[0]])]
        known = option[:-1]  # nothing is asked about what follows the last token
        for at in range(0, len(known), self._size):
            piece = known[at : at + self._size]
            self._compute.alone(
                [
                    Entry(t, position + at + i, sequence, wanted=True)
                    for i, t in enumerate(piece)
                ]
            )
            following = option[at + 1 : at + 1 + len(piece)]
            scores += [float(self.probabilities(row)[t]) for row, t in enumerate(following)]
        if not self._context.forget(position, sequence):
            raise ConfigError(
                f"{self._context.model.path.name} is a recurrent model: it cannot step back",
                hint="Set choose_quotes to false.",
            )
        return tuple(scores)
