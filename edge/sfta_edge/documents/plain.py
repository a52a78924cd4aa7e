"""Plain text: paragraphs between empty lines, pages between form feeds."""

import re
from collections.abc import Iterator, Sequence
from statistics import median

from sfta_edge.documents.document import Fragment, Page, PageWriter, Parsed
from sfta_edge.documents.media import PLAIN
from sfta_edge.documents.spelling import (
    clean,
    ends_broken,
    invisible,
    join_lines,
    tricks,
    words_of,
)

_ITEM = re.compile(r"^\s*(?P<mark>[-*+•–]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+(?=\S)")
_NUMBERED = re.compile(r"^(\d{1,3}(?:\.\d{1,3})*)\.?\s+\S")
_UNDERLINE = re.compile(r"^\s*([=\-~^*])\1{2,}\s*$")
_HEADING_CHARACTERS = 80
_WRAP_LEAST = 40
_WRAP_MOST = 120


def parse_plain(text: str) -> Parsed:
    """Blocks of a text file. A hard-wrapped paragraph becomes one line."""
    words = _words(text)
    wrapped = _is_wrapped(text)
    pages: list[Page] = []
    for number, part in enumerate(text.rstrip("\f").split("\f"), 1):
        writer = PageWriter(number)
        for reason in tricks(part):
            writer.flag(reason)
        for paragraph in _paragraphs(part):
            _add(writer, paragraph, words, wrapped=wrapped)
        pages.append(writer.page())
    counts = {"invisible_characters": invisible(text.replace("\f", ""))}
    first = (p.text[b.start : b.end] for p in pages for b in p.blocks if b.kind == "heading")
    kept = {name: count for name, count in counts.items() if count}
    return Parsed(next(first, ""), PLAIN, tuple(pages), kept)


def _words(text: str) -> frozenset[str]:
    """Words that stand unbroken somewhere."""
    words: set[str] = set()
    broken = False
    for line in text.split("\n"):
        printed = clean(line).strip()
        words |= words_of(printed, broken=broken)
        broken = ends_broken(printed)
    return frozenset(words)


def _paragraphs(text: str) -> Iterator[list[str]]:
    lines: list[str] = []
    for raw in [*text.split("\n"), ""]:
        if raw.strip():
            lines.append(raw)
        elif lines:
            yield lines
            lines = []


def _add(
    writer: PageWriter, lines: Sequence[str], words: frozenset[str], *, wrapped: bool
) -> None:
    lines = list(lines)
    if len(lines) == 2 and _UNDERLINE.match(lines[1]):
        level = 1 if lines[1].strip()[0] == "=" else 2
        writer.add("heading", [Fragment(clean(lines[0]).strip())], level=level)
        return
    if level := _heading_level(lines):
        writer.add("heading", [Fragment(clean(lines[0]).strip())], level=level)
        return
    starts = [bool(_ITEM.match(line)) for line in lines]
    if starts[0] and (len(lines) == 1 or any(starts[1:]) or wrapped):
        writer.add("list", list(_items(lines, starts, words)))
    elif wrapped:
        writer.add("paragraph", _joined(lines, words))
    else:
        for line in lines:
            writer.add("paragraph", [Fragment(clean(line).strip())])


def _items(
    lines: Sequence[str], starts: Sequence[bool], words: frozenset[str]
) -> Iterator[Fragment]:
    item: list[str] = []
    for line, start in zip([*lines, ""], [*starts, True], strict=True):
        if start and item:
            fragments = _joined(item, words)
            mark = _ITEM.match(item[0])
            text = fragments[0].text
            if mark and mark["mark"] in "-*+•–":
                text = "- " + text[len(mark["mark"]) :].lstrip()
            yield Fragment(text, None, "\n")
            yield from fragments[1:]
            item = []
        item.append(line)


def _joined(lines: Sequence[str], words: frozenset[str]) -> list[Fragment]:
    fragments: list[Fragment] = []
    for line in lines:
        text, glue = clean(line).strip(), ""
        if fragments:
            before, glue = join_lines(fragments[-1].text, text, words)
            fragments[-1] = Fragment(before, None, fragments[-1].glue)
        fragments.append(Fragment(text, None, glue))
    return fragments


def _heading_level(lines: Sequence[str]) -> int:
    """Level of a numbered title, or of a line in capitals that stands alone."""
    text = lines[0].strip()
    if len(lines) > 1 or len(text) > _HEADING_CHARACTERS or text.endswith((".", ",", ";", ":")):
        return 0
    if match := _NUMBERED.match(text):
        rest = text[match.end() - 1 :]
        titled = rest[:1].isupper() and len(rest.split()) <= 10
        return min(match[1].count(".") + 1, 6) if titled else 0
    return 1 if text.isupper() and re.search(r"[^\W\d_]{3}", text) else 0


def _is_wrapped(text: str) -> bool:
    """Whether line ends are those of a narrow page and not of paragraphs."""
    inner = [len(line) for p in _paragraphs(text) for line in p[:-1]]
    return (
        bool(inner)
        and _WRAP_LEAST <= median(inner) <= _WRAP_MOST
        and max(inner) <= 2 * _WRAP_MOST
    )
