"""Where sentences end: by rules, in any language that writes full stops."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_END = re.compile(
    r"(?:[.!?\u2026]+[\"'\u2019\u201d\u00bb)\]]*(?:\[\d{1,3}\])*(?=\s)"  # a source's mark: [12]
    r"|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*)"
)
_ABBREVIATIONS = frozenset[str]().union(
    {"e.g", "i.e", "fig", "figs", "no", "nos", "nr", "vol", "ch", "chap", "sec"},
    {"sect", "approx", "ca", "cf", "vs", "dr", "mr", "mrs", "ms", "prof", "st"},
    {"inc", "ltd", "co", "corp", "dept", "est", "max", "min", "ref", "refs", "resp"},
    {"eq", "eqs", "al", "p", "pp", "ed", "eds", "incl", "excl", "temp", "tab"},
    {"abb", "bzw", "z.b", "d.h", "u.a", "vgl", "ggf", "art", "abs", "jan", "feb"},
    {"mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"},
)
_INITIAL = re.compile(r"(?:^|[\s(])[^\W\d_]$")
_MARKER = re.compile(r"^\s*(?:[-*•]\s+)?\(?(?:\d{1,3}(?:\.\d{1,3})*|[^\W\d_]|[ivxIVX]{1,5})$")
_OPENING = "\"'\u2018\u201c\u00ab([{"


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """Spans of the sentences of a stretch, without the spaces between them.

    A line end always ends a sentence. Together the spans hold every visible character.
    """
    stop = len(text) if end is None else end
    at = start
    while at < stop:
        line_end = text.find("\n", at, stop)
        line_end = stop if line_end < 0 else line_end
        yield from _in_line(text, at, line_end)
        at = line_end + 1


def _in_line(text: str, start: int, end: int) -> Iterator[Span]:
    begin = start
    for match in _END.finditer(text, start, end):
        if match.end() < end and _is_end(text, begin, match, end):
            yield from _stripped(text, begin, match.end())
            begin = match.end()
    yield from _stripped(text, begin, end)


def _is_end(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    if match[0][0] in "\u3002\uff01\uff1f":
        return True
    following = text[match.end() : end].lstrip().lstrip(_OPENING)[:1]
    if not following or following.islower():
        return False
    if match[0][0] != ".":
        return True
    before = text[begin : match.start()]
    if _MARKER.match(before) or _INITIAL.search(before):
        return False
    word = before.split()[-1].lstrip(_OPENING).lower() if before.split() else ""
    return word not in _ABBREVIATIONS


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if left < right:
        yield start + left, start + right
