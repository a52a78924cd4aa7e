"""A question as a full-text query that cannot be a syntax error.

Every term is quoted, so nothing a person types is an operator of FTS5. A term that looks like
a code (``E-114``, ``CX-220``, ``24.5``) is one phrase: its parts must stand together. How a
code is spelt between letters and digits does not matter: ``E114`` also finds ``E-114``.
"""

import re
from collections.abc import Iterator

_TERM = re.compile(r"[^\W_]+(?:[-./_:'\u2019+][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_LETTERS_AND_DIGITS = re.compile(r"[^\W\d_]+|\d+")
_MAX_TERMS = 64  # bounds the work of one search; a question has far fewer
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about after all also am an and any are as at be because been before being but by can
        could did do does doing during each for from had has have having he her here him his how
        i if in into is it its itself just me more most my no nor not of off on once only or
        other our out over own s same shall she should so some such t than that the their them
        then there these they this those through to too under until up us very was we were what
        when where which while who whom whose why will with would you your
        """,
    )
)


def match_expression(question: str) -> str | None:
    """The FTS5 expression for a question, or None if it holds nothing to search for.

    Terms are joined with OR; bm25 gives rare ones their weight. Stop words are left out
    unless there is nothing else.
    """
    return " OR ".join(phrases(question)) or None


def phrases(question: str) -> list[str]:
    """The terms of that expression, each an expression of its own; empty if there are none."""
    terms: dict[str, None] = {}
    for match in _TERM.finditer(question):
        for term in _spellings(match[0].lower()):
            terms.setdefault(term)
    chosen = [term for term in terms if term not in _STOP_WORDS] or list(terms)
    return [f'"{term}"' for term in chosen[:_MAX_TERMS]]


def _spellings(term: str) -> Iterator[str]:
    """The phrases that stand for one term."""
    parts = _PART.findall(term)
    yield " ".join(parts)
    letters_and_digits = _LETTERS_AND_DIGITS.findall(term)
    has_digits = any(piece.isdigit() for piece in letters_and_digits)
    if not has_digits:
        yield from parts
    elif len(letters_and_digits) == 2 and not letters_and_digits[0].isdigit():
        yield " ".join(letters_and_digits)
        yield "".join(letters_and_digits)
