"""Quotes: read them from an answer, and find them in their chunk, without a model.

The same function judges a quote when rows are generated, when a model is evaluated and when
the device answers. A quote holds if its normalised text is a substring of the normalised
chunk; the offsets returned are those of the chunk's own text.

Standard library only: this module runs on the device.
"""

import re
import unicodedata
from dataclasses import dataclass

_QUOTE_LINE = re.compile(r'^\s*\[(\d{1,4})\]\s*"(.*)"\s*$')
_EDGE_PUNCTUATION = " \t\r\n.,;:"
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

    Whitespace, case, typographic quotes and dashes, ligatures and a final full stop do not
    count as differences; words, digits and signs do.
    """
    needle, _ = _normalised_with_offsets(quote.strip(_EDGE_PUNCTUATION))
    if not needle:
        return None
    haystack, offsets = _normalised_with_offsets(text)
    at = _find_whole(haystack, needle)
    if at is None:
        return None
    return Span(offsets[at][0], offsets[at + len(needle) - 1][1])


def normalise(text: str) -> str:
    """The spelling under which quotes are compared."""
    return _normalised_with_offsets(text)[0]


def _find_whole(haystack: str, needle: str) -> int | None:
    """First place where the needle does not begin or end inside a word or number."""
    at = haystack.find(needle)
    while at >= 0:
        before = haystack[at - 1] if at else " "
        after = haystack[at + len(needle)] if at + len(needle) < len(haystack) else " "
        inside = (before.isalnum() and needle[0].isalnum()) or (
            after.isalnum() and needle[-1].isalnum()
        )
        if not inside:
            return at
        at = haystack.find(needle, at + 1)
    return None


def _normalised_with_offsets(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Normalised text, and for each of its characters the range it came from."""
    out: list[str] = []
    offsets: list[tuple[int, int]] = []
    for index, char in enumerate(text):
        for piece in unicodedata.normalize("NFKC", char.translate(_SAME)).casefold():
            mapped = piece.translate(_SAME)
            if mapped.isspace():
                if not out or out[-1] == " ":
                    continue
                mapped = " "
            elif unicodedata.category(mapped) in ("Cc", "Cf"):
                continue
            out.append(mapped)
            offsets.append((index, index + 1))
    if out and out[-1] == " ":
        out.pop()
        offsets.pop()
    return "".join(out), offsets
