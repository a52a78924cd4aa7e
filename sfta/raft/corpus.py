"""Chunks as the rows see them, and what the whole corpus says about a phrase."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from sfta_edge.citation import normalise


def bag(text: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(text.split())


_WORD = re.compile(r"[^\W_]+(?:[-./'][^\W_]+)*")
_NUMBERED = re.compile(r"^\d+(?:\.\d+)*\.?\s+")
_COLUMNS = re.compile(r"\s*\(([^()]*\|[^()]*)\)$")
_BRACKETS = re.compile(r"\s*\([^)]*\)\s*$")
_ALIAS_OFTEN, _ALIAS_ALONE = 40, 3
_STOP = bag(
    "a an the of to in on at by for from with and or is are was were be been it its this that "
    "these those as if when while which who what where why how must may can do does did has "
    "have had not no than then there i you we my me tell please about into up out off over "
    "under between per any all each should need know many much will would one so"
)


@dataclass(frozen=True, slots=True)
class CorpusChunk:
    """One line of a corpus' chunks.jsonl."""

    id: str
    document_id: str
    title: str
    page: int
    start: int
    end: int
    heading: str
    text: str
    ordinal: int = 0

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """Read one record; fields that rows do not need are left out."""
        return cls(**{name: record[name] for name in cls.__slots__ if name in record})

    @property
    def headings(self) -> list[str]:
        """Heading path from the top, with section numbers."""
        path = _COLUMNS.sub("", self.heading)
        return [part.strip() for part in path.split(" > ") if part.strip()]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names that the heading of a continued table carries; mostly none."""
        match = _COLUMNS.search(self.heading)
        return tuple(name.strip() for name in match[1].split("|")) if match else ()

    @property
    def topics(self) -> list[str]:
        """Heading path without section numbers and bracketed remarks."""
        return [_BRACKETS.sub("", _NUMBERED.sub("", part)).strip() for part in self.headings]


@lru_cache(maxsize=1 << 16)  # a question is compared with many others
def words(text: str) -> tuple[str, ...]:
    """Lower-case words, codes and numbers of a text, in order."""
    return tuple(_WORD.findall(normalise(text)))


@lru_cache(maxsize=1 << 14)
def spelling(text: str) -> str:
    """`normalise`, worked out once for a text that is asked for often."""
    return normalise(text)


def key_terms(text: str) -> list[str]:
    """Words that carry meaning, reduced to a crude stem so that forms of a word agree."""
    return [stem(word) for word in words(text) if word not in _STOP]


def stem(word: str) -> str:
    """Cut common English endings; codes and numbers stay as they are."""
    if any(char.isdigit() for char in word) or len(word) < 5:
        return word
    for ending in ("ings", "ing", "edly", "ed", "ies", "es", "s", "ly", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def overlap(left: Iterable[str], right: Iterable[str]) -> float:
    """Jaccard overlap of two bags of words read as sets; 0 when both are empty."""
    a, b = set(left), set(right)
    return len(a & b) / len(a | b) if a | b else 0.0


class Phrasebook:
    """How often the corpus uses a noun alone and how often with something before it.

    Where a corpus speaks of "check valve", "intake valve" and "safety valve", "the valve" alone
    says nothing outside its section; where it speaks of "the controller" and of no other
    controller, "the controller" does.
    """

    _NOT_A_MODIFIER = bag(
        "of to in on at by for from with and or is are than that which as if when while before "
        "after into over under between has have not no only must may can each both its their "
        "all any this these same other such two three four five six first second last"
    )

    def __init__(self, chunks: Sequence[CorpusChunk]) -> None:
        self._bare: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()
        self._modified: dict[str, Counter[str]] = {}
        self._terms: Counter[str] = Counter()
        for chunk in chunks:
            self._terms.update(set(words(chunk.text)))
            for sentence in re.split(r"[.;:|\n]", chunk.text):
                self._read(words(sentence))

    def _read(self, sentence: Sequence[str]) -> None:
        for before, word, after in zip(
            sentence, sentence[1:], (*sentence[2:], "."), strict=False
        ):
            noun = singular(word)
            if before == "the" and (after == "." or after in self._NOT_A_MODIFIER):
                self._alone[noun] += 1
            if before in ("the", "a", "an"):
                self._bare[noun] += before == "the"
            elif before not in self._NOT_A_MODIFIER and not before[0].isdigit():
                self._modified.setdefault(noun, Counter())[before] += 1

    def ambiguous(self, noun: str) -> bool:
        """Whether "the <noun>" needs its section to be understood."""
        noun = singular(noun.casefold())
        kinds = [m for m, count in self._modified.get(noun, Counter()).items() if count > 1]
        if not kinds:
            return self._bare[noun] < 4
        return self._bare[noun] < 6 * len(kinds)

    def aliases(self) -> dict[str, list[str]]:
        """Short names for what a corpus is about: "the package" is "the compressor" too.

        Taken only where the one stands alone very often, the other now and then, and both
        together somewhere.
        """
        found: dict[str, list[str]] = {}
        for noun, count in sorted(self._alone.items()):
            modifiers = sorted(self._modified.get(noun, Counter()))
            named = [m for m in modifiers if self._alone[m] >= _ALIAS_ALONE]
            if count >= _ALIAS_OFTEN and 0 < len(named) <= 3:
                codes = [m.upper() if any(c.isdigit() for c in m) else m for m in named]
                found[f"the {noun}"] = [f"the {name}" for name in codes]
        return found

    def chunks_with(self, word: str) -> int:
        """Number of chunks that hold a word."""
        return self._terms[normalise(word)]


def singular(noun: str) -> str:
    """Crude singular of an English noun."""
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "xes", "sses")):
        return noun[:-2]
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and len(noun) > 3:
        return noun[:-1]
    return noun
