"""Quotes: read them from an answer, and find them in their chunk, without a model.

The same function judges a quote when rows are generated, when a model is evaluated and when
the device answers. A quote holds if its normalised text is a substring of the normalised
chunk; the offsets returned are those of the chunk's own text.

Two spellings are kept apart. A quote is compared with its case, because 5 mW is not 5 MW
(`find_quote`). Words are compared without it, where the question is what a text speaks of and
not what it says to the letter (`normalise`, `mentions`).

Standard library only: this module runs on the device.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_QUOTE_LINE = re.compile(r'^\s*\[(\d{1,4})\]\s*"(.*)"\s*$')
_EDGE_PUNCTUATION = " \t\r\n.,;:"
_CUT_BEFORE_NUMBER = re.compile(r"\d[.,]$|(?:^|[^\w])[-+\u00b1]$")
_CUT_AFTER_NUMBER = re.compile(r"[.,]\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_SAME = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u00b5": "\u03bc",
    }
)


@dataclass(frozen=True, slots=True)
class Quote:
    """One quote line of an answer."""

    number: int
    """Which chunk of the prompt, from 1."""
    text: str


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a completion says."""

    quotes: tuple[Quote, ...]
    answer: str
    """The final answer; the whole text when the marker is missing."""
    refused: bool
    """The refusal sentence and nothing else."""
    well_formed: bool
    """A refusal alone, or an answer behind its marker with text in it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open character range in a chunk's text."""

    start: int
    end: int


def parse_answer(completion: str, *, answer_marker: str, refusal: str) -> ParsedAnswer:
    """Read quotes and final answer; never raises."""
    text = completion.strip()
    if normalise(text).rstrip(".") == normalise(refusal).rstrip("."):
        return ParsedAnswer((), refusal, refused=True, well_formed=True)
    quotes: list[Quote] = []
    final: list[str] | None = None
    for line in text.splitlines():
        if final is not None:
            final.append(line)
        elif line.lstrip().startswith(answer_marker):
            final = [line.lstrip()[len(answer_marker) :]]
        elif match := _QUOTE_LINE.match(line):
            quotes.append(Quote(int(match[1]), match[2].strip()))
    answer = "\n".join(final).strip() if final is not None else text
    return ParsedAnswer(
        tuple(quotes), answer, refused=False, well_formed=final is not None and bool(answer)
    )


def find_quote(quote: str, text: str) -> Span | None:
    """Where a quote stands in a chunk, or None.

    Whitespace, typographic quotes and dashes, ligatures and a final full stop do not count as
    differences; words, digits, signs and case do. The first letter alone may have the other
    case if it begins a plain word: a sentence starts with a capital wherever it is quoted.
    """
    needle = _spelled(quote.strip(_EDGE_PUNCTUATION))[0]
    spelled = _spelled(text)
    found = (_place(form, *spelled) for form in (needle, _other_start(needle)) if form)
    return next((span for span in found if span is not None), None)


def mentions(text: str, part: str) -> bool:
    """Whether a text holds these words in any case.

    For keeping an answer out of a text, not for citing: `find_quote` is stricter.
    """
    needle = _spelled(part.strip(_EDGE_PUNCTUATION), fold=True)[0]
    return bool(needle) and _place(needle, *_spelled(text, fold=True)) is not None


def normalise(text: str) -> str:
    """The spelling under which words are compared: as that of quotes, but without case."""
    return _spelled(text, fold=True)[0]


def _place(needle: str, haystack: str, offsets: Sequence[tuple[int, int]]) -> Span | None:
    """The first occurrence that cuts no word, number or character in two."""
    at = haystack.find(needle)
    while at >= 0:
        end = at + len(needle)
        if not _inside_word(haystack, at, end) and not _inside_character(offsets, at, end):
            return Span(offsets[at][0], offsets[end - 1][1])
        at = haystack.find(needle, at + 1)
    return None


def _other_start(needle: str) -> str:
    """The quote with its first letter in the other case; empty if that would change a word.

    `The` is `the`, and `A valve` is `a valve`; mW, kPa, CV-1 and x2 keep their first letter.
    """
    match = _LETTERS.match(needle)
    if match is None:
        return ""
    first, rest, after = needle[0], match[0][1:], needle[match.end() :]
    alone = not rest and not (after[:1] == " " and after[1:2].isalpha())
    if alone or rest != rest.lower() or after[:1].isdigit():
        return ""
    other = first.upper() if first == first.lower() else first.lower()
    return other + needle[1:] if len(other) == 1 and other != first else ""


def _inside_word(text: str, start: int, end: int) -> bool:
    """Whether a range begins or ends inside a word or a number, or leaves out its sign."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() and text[start].isalnum():
        return True
    if after[:1].isalnum() and text[end - 1].isalnum():
        return True
    return bool(
        (text[start].isdigit() and _CUT_BEFORE_NUMBER.search(before))
        or (text[end - 1].isdigit() and _CUT_AFTER_NUMBER.match(after))
    )


def _inside_character(offsets: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether a range begins or ends within what one character of the chunk stands for."""
    return (start > 0 and offsets[start - 1] == offsets[start]) or (
        end < len(offsets) and offsets[end] == offsets[end - 1]
    )


def _spelled(text: str, *, fold: bool = False) -> tuple[str, list[tuple[int, int]]]:
    """Normalised text, and for each of its characters the range it came from.

    With `fold`, differences of case are gone too.
    """
    out: list[str] = []
    offsets: list[tuple[int, int]] = []
    for start, end in _clusters(text):
        for char in _spelling(text[start:end], fold=fold):
            if char.isspace():
                if not out or out[-1] == " ":
                    continue
                out.append(" ")
            elif unicodedata.category(char) in ("Cc", "Cf"):
                continue
            else:
                out.append(char)
            offsets.append((start, end))
    if out and out[-1] == " ":
        out.pop()
        offsets.pop()
    return "".join(out), offsets


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Ranges of one character and the accents that follow it."""
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or not unicodedata.combining(text[index]):
            yield start, index
            start = index


def _spelling(cluster: str, *, fold: bool) -> str:
    if unicodedata.category(cluster[0]) == "No":
        return cluster  # 10\N{SUPERSCRIPT TWO} is not 102
    plain = unicodedata.normalize("NFKC", cluster.translate(_SAME))
    return (plain.casefold() if fold else plain).translate(_SAME)
