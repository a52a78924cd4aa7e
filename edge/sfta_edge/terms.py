"""What a sentence says, as terms that can be looked for in another text.

Terms are words without their endings, codes (``E-114``, ``8834-0405``), quantities, and bounds
(``at most``); function words are none. Each stands in a clause, and a clause is negated or not.
Works for English and German, and for other languages as far as their words are written apart.

Standard library only: this module runs on the device.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sfta_edge.function_words import (
    BEFORE_NUMBERS,
    BREAKS,
    CLASSES,
    ENDINGS,
    FILLERS,
    NEGATING_CLAUSE,
    NEGATING_REST,
)
from sfta_edge.quantities import DecimalSign, Quantity, decimal_sign, quantities

_CODE = re.compile(r"(?:https?://|www\.)\S+|[^\W_]+(?:[-.:_][^\W_]+)*")
_SPANS = re.compile(r"(\d{1,4})-(\d{1,4})")
_WORD_BEFORE = re.compile(r"([^\W\d_]{2,}) \Z")
_TOKEN = re.compile(r"(?P<word>[^\W\d_]+(?:['\u2019]t\b)?)|(?P<stop>[,;:.!?()\u2026|])")
_NO_TERMS = (FILLERS, BREAKS, NEGATING_CLAUSE, NEGATING_REST)
_MARKS = re.compile(r"\[\d{1,4}\]")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
_BOUNDS = (
    (re.compile(r"\b(?:not?|never) (?:more|longer|higher|later|greater) than\b"), "at most"),
    (re.compile(r"\b(?:not?|never) (?:less|lower|shorter|fewer|smaller) than\b"), "at least"),
    (re.compile(r"\bnicht (?:mehr|langer|hoher|grosser) als\b"), "hochstens"),
    (re.compile(r"\bnicht (?:weniger|kurzer|niedriger|kleiner) als\b"), "mindestens"),
    (re.compile(r"\bup to\b|\bbis zu\b"), "at most"),
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a sentence that is negated as a whole, or not."""

    words: frozenset[str]
    negated: bool
    strictly: bool = False
    """By a word that turns round what follows it, as ``without``."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a text says."""

    clauses: tuple[Clause, ...]
    codes: frozenset[str]
    """In one spelling: E114 for E-114."""
    names: frozenset[str]
    """Words with a number behind them, as sentra5 for Sentra 5."""
    quantities: tuple[Quantity, ...]
    measures: frozenset[str]
    """Words that are units of the quantities."""

    @property
    def words(self) -> frozenset[str]:
        """Of all clauses."""
        return frozenset(word for clause in self.clauses for word in clause.words)

    @property
    def negated(self) -> bool:
        """Whether a clause is negated."""
        return any(clause.negated for clause in self.clauses)


def terms_of(text: str, sign: DecimalSign | None = None) -> Terms:
    """The terms of a text.

    Args:
        text: one sentence or several.
        sign: what stands before decimals if the text's own numbers do not show it.
    """
    text = _MARKS.sub(" ", unicodedata.normalize("NFC", text))
    bare, codes = _without_codes(text)
    found = quantities(bare, decimal_sign(bare) or sign or ".")
    names = frozenset(
        _plain(match[1]) + each.value
        for each in found
        if not each.unit and (match := _WORD_BEFORE.search(bare, 0, each.start))
    )
    units = " ".join(bare[each.start : each.end] for each in found)
    measures = frozenset(_plain(word) for word in re.findall(r"[^\W\d_]{3,}", units))
    for each in found:
        bare = f"{bare[: each.start]}{'0' * (each.end - each.start)}{bare[each.end :]}"
    return Terms(tuple(_clauses(bare)), codes, names, tuple(found), measures)


def same_word(one: str, other: str) -> bool:
    """Whether two words differ in their endings at most."""
    if one == other:
        return True
    shared = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        shared += 1
    if shared < max(3, (min(len(one), len(other)) + 1) // 2):
        return False
    return one[shared:] in ENDINGS and other[shared:] in ENDINGS


def found_in(word: str, words: Iterable[str]) -> bool:
    """Whether one of the words is this one but for its ending."""
    return any(same_word(word, other) for other in words)


def _without_codes(text: str) -> tuple[str, frozenset[str]]:
    """The text with spaces in the places of its codes."""
    codes: set[str] = set()

    def take(match: re.Match[str]) -> str:
        if not _is_code(match[0]):
            return match[0]
        codes.add(_code(match[0]))
        return " " * len(match[0])

    return _CODE.sub(take, text), frozenset(codes)


def _is_code(token: str) -> bool:
    if token.startswith(("http://", "https://", "www.")):
        return True
    if not re.search(r"\d", token):
        return False
    if re.search(r"[^\W\d_]", token):
        return not any(each.unit and each.end == len(token) for each in quantities(token))
    if span := _SPANS.fullmatch(token):
        return span[2].startswith("0") or int(span[1]) >= int(span[2])
    return not re.fullmatch(r"\d+(?:\.\d+)?", token) and not _GROUPED.fullmatch(token)


def _code(token: str) -> str:
    return re.sub(r"(?<=[^\W\d])[-._](?=\d)|(?<=\d)[-._](?=[^\W\d])", "", token.casefold())


def _plain(word: str) -> str:
    """Without case and accents."""
    folded = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


def _clauses(text: str) -> Iterator[Clause]:
    text = _plain(text).replace("\u2019", "'")
    for pattern, bound in _BOUNDS:
        text = pattern.sub(bound, text)
    words: set[str] = set()
    negated, strictly = False, False
    for match in _TOKEN.finditer(text):
        word = (match["word"] or "").replace("'", "")
        if match["stop"] or word in BREAKS or word in NEGATING_REST:
            yield from _clause(words, negated, strictly)
            strictly = negated = word in NEGATING_REST
            words = set()
        shortened = match[0].endswith("'t")
        negated = negated or shortened or word in NEGATING_CLAUSE
        if not shortened and (term := _term(word, text[match.end() :])):
            words.add(term)
    yield from _clause(words, negated, strictly)


def _clause(words: set[str], negated: bool, strictly: bool) -> Iterator[Clause]:  # noqa: FBT001 two flags that are always given
    if words or negated:
        yield Clause(frozenset(words), negated, strictly)


def _term(word: str, rest: str) -> str:
    """What a word stands for; empty: nothing."""
    if word in CLASSES:
        return CLASSES[word]
    if word in BEFORE_NUMBERS and re.match(r" (?:than |als )?\d", rest):
        return BEFORE_NUMBERS[word]
    if len(word) < 2 or any(word in each for each in _NO_TERMS):
        return ""
    return word
