"""Guessing the next tokens from what was said before, and when that pays.

An answer copies from its prompt. The tokens that followed the last occurrence of the last few
tokens are proposed, and verified in one batch with the token that is computed anyway (prompt
lookup decoding; Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding). What is taken
is what the model would have chosen, so the text is the same; wrong guesses cost time alone.
"""

from collections.abc import Callable, Sequence

_SHORTEST, _LONGEST = 2, 4  # tokens that have to match; one token occurs everywhere
_MOST_PAUSE = 64
_START = 0.7  # share of guesses that holds, before anything is known
_WEIGHT = 0.2

StepSeconds = Callable[[int], float | None]
"""``(tokens in a batch) -> seconds``; None if it is not known yet."""


class Lookup:
    """One text, prompt and what was written, and how well guesses from it have held."""

    def __init__(self, tokens: Sequence[int], most: int) -> None:
        """Remember the prompt; propose at most `most` tokens at once."""
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._most, self._length = most, min(2, most)
        self._share = _START
        self._pause = self._misses = 0
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """The text goes on with a token."""
        # Marked now, not when they were complete: a run must not find itself.
        end = len(self._tokens)
        for length in range(_SHORTEST, _LONGEST + 1):
            if end >= length:
                self._after[tuple(self._tokens[end - length :])] = end
        self._tokens.append(token)
        self._pause = max(0, self._pause - 1)

    def propose(self, most: int, running: int, seconds: StepSeconds) -> list[int]:
        """The tokens that may follow; empty if there is no guess or it does not pay.

        Args:
            most: how many may be proposed.
            running: tokens of the batch without them.
            seconds: how long batches take.
        """
        if self._pause:
            return []
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            at = self._after.get(tuple(self._tokens[-length:]))
            if at is not None and len(self._tokens) >= length:
                found = self._tokens[at : at + min(most, self._length)]
                return found[: self._paying(len(found), running, seconds)]
        return []

    def record(self, proposed: int, accepted: int) -> None:
        """How many of the proposed tokens were right, from the first on."""
        if not proposed:
            return
        tried = min(proposed, accepted + 1)
        self._share += _WEIGHT * (accepted / tried - self._share)
        if accepted == proposed:
            self._length = min(self._most, self._length * 2)
            self._misses = 0
        elif accepted:
            self._length, self._misses = accepted + 1, 0
        else:
            self._length, self._misses = min(2, self._most), self._misses + 1
            self._pause = min(_MOST_PAUSE, 2**self._misses)

    def _paying(self, count: int, running: int, seconds: StepSeconds) -> int:
        """The largest number up to `count` that gains more than its tokens cost."""
        plain = seconds(running)
        while count and plain is not None:
            together = seconds(running + count)
            gained = sum(self._share**place for place in range(1, count + 1))
            # What is gained is steps of this sequence alone, a part of the batch's time.
            if together is None or gained * plain / running > together - plain:
                break
            count //= 2
        return count
