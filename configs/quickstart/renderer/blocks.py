"""Block types of a quickstart source, and the parser that reads them from Markdown.

The sources are Markdown with one block per line or run of lines. On top of plain
headings, paragraphs, lists and tables there are four extensions:

* a front matter of ``key: value`` lines between two ``---`` lines;
* ``Table 3: Caption [30,70]`` before a table gives its caption and column shares;
* ``![Figure 2: Caption](figure:name)`` places the drawing called ``name``;
* ``> WARNING: text`` is a boxed note, and ``::: columns`` ... ``:::`` sets a region
  in two columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NOTE_KINDS = ("DANGER", "WARNING", "CAUTION", "NOTE")

_HEADING = re.compile(r"^(#{1,3}) (.+)$")
_STEP = re.compile(r"^\d+\. (.+)$")
_BULLET = re.compile(r"^- (.+)$")
_NOTE = re.compile(rf"^> ({'|'.join(NOTE_KINDS)}): (.+)$")
_FIGURE = re.compile(r"^!\[(Figure \d+: .+)\]\(figure:([a-z0-9-]+)\)$")
_CAPTION = re.compile(r"^(Table \d+: .+?)(?: \[([\d,]+)\])?$")


@dataclass(frozen=True)
class Heading:
    """A numbered heading of level 1 to 3."""

    level: int
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph of body text."""

    text: str


@dataclass(frozen=True)
class Listing:
    """A numbered procedure or a bullet list."""

    items: tuple[str, ...]
    numbered: bool


@dataclass(frozen=True)
class Note:
    """A boxed danger, warning, caution or note."""

    kind: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A named drawing with its caption."""

    name: str
    caption: str


@dataclass(frozen=True)
class Grid:
    """A table: caption, column shares, and rows of which the first is the header."""

    caption: str
    shares: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Columns:
    """A region set in two columns."""

    blocks: tuple[Block, ...]


Block = Heading | Text | Listing | Note | Figure | Grid | Columns


@dataclass
class Source:
    """One parsed source: its front matter and its blocks."""

    meta: dict[str, str] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()


class SourceError(ValueError):
    """A source that the parser cannot read."""


def parse_source(text: str) -> Source:
    """Parse a whole source with front matter."""
    head, found, body = text.removeprefix("---\n").partition("\n---\n")
    if not found:
        raise SourceError("a source starts with front matter between two --- lines")
    pairs = (line.partition(": ") for line in head.splitlines() if line)
    return Source({key: value for key, _, value in pairs}, parse_blocks(body.splitlines()))


def parse_blocks(lines: list[str]) -> tuple[Block, ...]:
    """Parse the lines of a body into blocks."""
    blocks: list[Block] = []
    rest = [line.rstrip() for line in lines]
    while rest:
        if not rest[0]:
            rest = rest[1:]
            continue
        block, used = _next_block(rest)
        blocks.append(block)
        rest = rest[used:]
    return tuple(blocks)


def _next_block(lines: list[str]) -> tuple[Block, int]:
    first = lines[0]
    if first == "::: columns":
        end = lines.index(":::")
        return Columns(parse_blocks(lines[1:end])), end + 1
    if match := _HEADING.match(first):
        return Heading(len(match[1]), match[2]), 1
    if match := _NOTE.match(first):
        return Note(match[1], match[2]), 1
    if match := _FIGURE.match(first):
        return Figure(match[2], match[1]), 1
    if match := _CAPTION.match(first):
        return _grid(match, lines)
    for pattern, numbered in ((_STEP, True), (_BULLET, False)):
        if pattern.match(first):
            items = _run(lines, pattern)
            return Listing(tuple(items), numbered), len(items)
    return Text(first), 1


def _run(lines: list[str], pattern: re.Pattern[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        match = pattern.match(line)
        if match is None:
            break
        items.append(match[1])
    return items


def _grid(caption: re.Match[str], lines: list[str]) -> tuple[Block, int]:
    body = _run(lines[1:], re.compile(r"^\|(.+)\|$"))
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in body]
    kept = tuple(row for row in rows if not all(set(cell) <= {"-"} for cell in row))
    width = len(kept[0]) if kept else 0
    if not width or any(len(row) != width for row in kept):
        raise SourceError(f"uneven or empty table: {caption[1]}")
    shares = tuple(int(part) for part in caption[2].split(",")) if caption[2] else (1,) * width
    if len(shares) != width:
        raise SourceError(f"column shares do not match the columns: {caption[1]}")
    return Grid(caption[1], shares, kept), len(body) + 1
