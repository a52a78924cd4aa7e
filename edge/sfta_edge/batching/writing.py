"""Texts that are being written, all of them one step on at a time."""

import time
from collections.abc import Callable, Sequence

from sfta_edge.batching.computing import Computation
from sfta_edge.batching.tasks import Text, Writing
from sfta_edge.context import Entry
from sfta_edge.errors import SftaError
from sfta_edge.generation import FinishReason, Generation
from sfta_edge.prefill import first_token_scores

Finish = Callable[[Writing, Generation], None]
Fail = Callable[[Writing, BaseException], None]


class Writers:
    """Chooses tokens, greedily, and ends what has reached its limits."""

    def __init__(self, computation: Computation, finish: Finish, fail: Fail) -> None:
        self._computation, self._finish, self._fail = computation, finish, fail
        self._context, self._model = computation.context, computation.context.model
        shape = self._context.shape
        self._rows = min(shape.batch, max(shape.sequences, shape.outputs))
        self._last_adapter: str | None = None
        self.decoded = self.proposed = self.accepted = 0
        """Tokens written, guessed, and guessed right so far."""

    def begin(self, task: Writing, row: int) -> None:
        """Choose the first token after a prompt.

        Raises:
            SftaError: the logits are no numbers, or the grammar allows nothing.
        """
        task.ready = time.monotonic()
        bias = task.limits.first_token_bias
        self._context.require_numbers(self._context.logits(row))
        task.scores = first_token_scores(self._context.logits(row), bias)
        self._take(task, self._best(task, row, first=True))

    def step(self, tasks: Sequence[Writing]) -> None:
        """One batch for all texts of one adapter; adapters take turns."""
        adapter = self._next_adapter(tasks)
        chosen = [task for task in tasks if task.limits.adapter == adapter][: self._rows]
        guesses = self._guesses(chosen)
        entries, starts = list[Entry](), list[int]()
        for task, guess in zip(chosen, guesses, strict=True):
            starts.append(len(entries))
            following = [task.tokens[-1], *guess]
            entries += [
                Entry(token, task.position + i, task.held.sequence, wanted=True)
                for i, token in enumerate(following)
            ]
        try:
            self._computation.write(entries, adapter)
        except SftaError as error:
            for task in chosen:
                self._fail(task, error)
            return
        for task, guess, start in zip(chosen, guesses, starts, strict=True):
            self._accept(task, guess, start)

    def _next_adapter(self, tasks: Sequence[Writing]) -> str | None:
        different = list(dict.fromkeys(task.limits.adapter for task in tasks))
        if self._last_adapter in different:
            after = different.index(self._last_adapter) + 1
            different = different[after:] + different[:after]
        self._last_adapter = different[0]
        return self._last_adapter

    def _guesses(self, tasks: Sequence[Writing]) -> list[list[int]]:
        """What each text may go on with, besides the token that is certain."""
        left, found = self._rows - len(tasks), list[list[int]]()
        for task in tasks:
            guess: list[int] = []
            if task.lookup is not None:
                most = min(left, task.left_to_write - 1)
                guess = task.lookup.propose(most, len(tasks), self._computation.choice.seconds)
            left -= len(guess)
            found.append(guess)
        return found

    def _accept(self, task: Writing, guess: Sequence[int], start: int) -> None:
        """Take the tokens that the model chose, as far as the guess agrees with them."""
        right = 0
        try:
            for place in range(len(guess) + 1):
                token = self._best(task, start + place)
                if not self._take(task, token):
                    right += place < len(guess) and token == guess[place]
                    break
                if place == len(guess) or token != guess[place]:
                    break
                right += 1
        except Exception as error:  # noqa: BLE001 of this task: a wrong grammar, its stop function
            self._fail(task, error)
        else:
            if right < len(guess):
                self._context.forget(task.position, task.held.sequence)
        self.proposed += len(guess)
        self.accepted += right
        if task.lookup is not None:
            task.lookup.record(len(guess), right)

    def _best(self, task: Writing, row: int, *, first: bool = False) -> int:
        bias = task.limits.first_token_bias if first else None
        if task.grammar is None:
            return self._context.best(row, bias)
        scores = self._context.biased(row, bias)
        self._context.require_numbers(scores)
        return task.grammar.best(scores)

    def _take(self, task: Writing, token: int) -> bool:
        """Let the text go on with a token; False if it ended."""
        if self._model.ends(token):
            return self._end(task, "stop")
        task.tokens.append(token)
        self.decoded += 1
        if task.grammar is not None:
            task.grammar.accept(token)
        if task.lookup is not None:
            task.lookup.add(token)
        if piece := task.stream.feed(self._model.piece(token)):
            task.events.put(Text(piece))
        if task.limits.stop is not None and task.limits.stop(task.stream.text):
            return self._end(task, "stop")
        if not task.left_to_write:
            return self._end(task, "length")
        if reason := task.interruption():
            return self._end(task, reason)
        return True

    def _end(self, task: Writing, reason: FinishReason) -> bool:
        self._finish(task, task.finished(reason))
        return False
