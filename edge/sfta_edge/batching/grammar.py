"""A grammar that a text must follow, token by token, on llama.cpp's grammar sampler.

Rules this module upholds:

- The token taken is the best that the grammar allows; ties go to the lower id.
- The sampler ends the process on a token that its grammar forbids, on an end of text too early and
  on some grammars: none of these ever reaches it.
- Tokens that stand for no text, other than the end, are never allowed.
"""

import ctypes
import re
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from sfta_edge.context import Floats
from sfta_edge.errors import ConfigError
from sfta_edge.llama import first_error
from sfta_edge.model import Model

_ROOT = b"root"
_MOST_CHARACTERS = 64 * 1024
_DEEPEST = 50  # the parser descends on the native stack
_MOST_REPEATED = 2000  # llama.cpp's own bound
_WIDTHS = (1, 64, 2048)  # candidates looked at before all are
_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|\{\s*(\d+)\s*(,?)\s*(\d*)\s*\}|[(){}"\[]',
    re.DOTALL,
)
_HINT = "The form is that of llama.cpp's grammars/README.md, with a rule named root."


def check_grammar(text: str) -> None:
    """Refuse what llama.cpp's parser would not survive.

    Raises:
        ConfigError: with the reason.
    """
    if not text.strip() or "\0" in text or len(text) > _MOST_CHARACTERS:
        raise ConfigError(
            f"a grammar has 1 to {_MOST_CHARACTERS} characters, none of them NUL", hint=_HINT
        )
    depth = 0
    for match in _TOKEN.finditer(text):
        mark = match[0]
        depth += (mark == "(") - (mark == ")")
        if not 0 <= depth <= _DEEPEST:
            raise ConfigError(
                "the grammar's parentheses do not fit or lie too deep", hint=_HINT
            )
        if mark in ("{", "}", '"', "["):
            raise ConfigError(f"the grammar has a {mark} without its end", hint=_HINT)
        if match[1] is not None:
            _check_repetition(match)
    if not re.search(r"(?m)^\s*root\s*::=", text):
        raise ConfigError("the grammar has no rule named root", hint=_HINT)


def _check_repetition(match: re.Match[str]) -> None:
    least = int(match[1])
    most = int(match[3]) if match[3] else least
    # With bounds the wrong way round its parser counts for ever.
    if not least <= most <= _MOST_REPEATED:
        raise ConfigError(f"the grammar repeats {match[0]}", hint=_HINT)


class Grammar:
    """The state of one text in one grammar."""

    def __init__(self, model: Model, text: str) -> None:
        """Read a grammar in GBNF; its rule `root` is the text.

        Raises:
            ConfigError: it cannot be used.
        """
        check_grammar(text)
        first_error()
        self._model, self._native = model, model.native
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ConfigError("the grammar is no text", hint=_HINT) from error
        self._sampler: Any = self._native.llama_sampler_init_grammar(
            model.vocabulary, raw, _ROOT
        )
        if not self._sampler:
            raise ConfigError(f"the grammar cannot be used: {first_error()}", hint=_HINT)
        self._free = weakref.finalize(self, self._native.llama_sampler_free, self._sampler)

    def best(self, row: Floats) -> int:
        """The most probable token that is allowed, of logits that are numbers.

        Raises:
            ConfigError: the grammar allows no token of this model here.
        """
        for candidates in _ranked(row):
            for token in self._allowed(candidates):
                return token
        raise ConfigError("the grammar allows nothing that this model can write", hint=_HINT)

    def accept(self, token: int) -> None:
        """The text goes on with a token that `best` gave and that does not end it."""
        self._native.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free the memory."""
        self._free()

    def _allowed(self, tokens: list[int]) -> Iterator[int]:
        """Which of some tokens may come next, in their order."""
        data = (self._native.llama_token_data * len(tokens))()
        for place, token in enumerate(tokens):
            data[place].id, data[place].logit = token, 0.0
        array = self._native.llama_token_data_array(data, len(tokens), -1, False)
        self._native.llama_sampler_apply(self._sampler, ctypes.byref(array))
        for place, token in enumerate(tokens):
            ends = self._model.ends(token)
            if data[place].logit == 0.0 and (ends or not self._model.is_control(token)):
                yield token


def _ranked(row: Floats) -> Iterator[list[int]]:
    """All tokens, the best first, in portions that grow: the first mostly is enough."""
    done = 0
    for width in (*(w for w in _WIDTHS if w < len(row)), len(row)):
        # Everything that is as good as the last one within the width, so that ties stay whole.
        least = np.partition(row, len(row) - width)[len(row) - width]
        places = np.flatnonzero(row >= least)
        order = places[np.lexsort((places, -row[places]))]
        yield [int(token) for token in order[done:]]
        done = len(order)
