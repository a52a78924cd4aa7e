"""Cuts the pages of a document into chunks.

Laws: a chunk is a stretch of one page, ``chunk.text == page.text[chunk.start:chunk.end]``;
without overlap the chunks of a page follow one another, do not overlap, and hold every
visible character of it; no chunk is longer than `max_tokens`.

A chunk's `heading` is the path of headings it stands under, ``4 Operation > 4.2 Starting``,
carried over page ends. A chunk that begins inside a table names the columns behind the path,
``4.2 Starting (Code | Meaning)``, because its text no longer shows them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sfta_edge.documents.document import Block, Page
from sfta_edge.documents.pieces import (
    Fits,
    Unit,
    blocks_of,
    filled,
    pieces,
    sections,
    units,
    words,
)
from sfta_edge.documents.rules import ChunkRules
from sfta_edge.sentences import Span, sentences

CountTokens = Callable[[str], int]
Path = tuple[str, ...]
SEPARATOR = " > "
_CACHED_COUNTS = 4096
_SQUARE = str.maketrans("()", "[]")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one page."""

    page: int
    start: int
    end: int
    heading: str
    text: str
    tokens: int
    table_header: str = ""
    """Column names, if the chunk begins inside a table."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A chunk in the making: stretches that are not cut any further."""

    parts: tuple[Span, ...]
    path: Path

    @property
    def start(self) -> int:
        return self.parts[0][0]

    @property
    def end(self) -> int:
        return self.parts[-1][1]


class _Measure:
    """Token counts on one page."""

    def __init__(self, text: str, count: CountTokens, config: ChunkRules) -> None:
        self.text = text
        self.config = config
        self._count = lru_cache(_CACHED_COUNTS)(count)

    def tokens(self, start: int, end: int) -> int:
        return self._count(self.text[start:end])

    def fits(self, start: int, end: int) -> bool:
        """Short enough, with room for what is repeated of the chunk before."""
        room = self.config.max_tokens - self.config.overlap_tokens
        return self.tokens(start, end) <= room

    def small(self, start: int, end: int) -> bool:
        return self.tokens(start, end) < self.config.min_tokens


def chunk_pages(
    pages: Sequence[Page], count_tokens: CountTokens, config: ChunkRules
) -> list[Chunk]:
    """Chunks of a document, in reading order."""
    chunks: list[Chunk] = []
    path: dict[int, str] = {}
    for page in pages:
        measure = _Measure(page.text, count_tokens, config)
        paths = _paths(page, path)
        drafts = _DRAFTS[config.strategy](page, paths, measure)
        starts = _overlapped(drafts, measure) if config.overlap_tokens else None
        for index, draft in enumerate(drafts):
            start = starts[index] if starts else draft.start
            chunks.append(_finished(page, draft, start, measure))
    return chunks


def _by_structure(page: Page, paths: "_Paths", measure: _Measure) -> list[_Draft]:
    drafts: list[_Draft] = []
    for section in sections(blocks_of(page)):
        made = _pack(units(page, section), paths, measure)
        drafts.extend(_balanced(made, measure))
    return _joined(drafts, measure)


def _by_sentence(page: Page, paths: "_Paths", measure: _Measure) -> list[_Draft]:
    text, fits = page.text, measure.fits
    parts: list[Span] = []
    for sentence in sentences(text):
        whole = fits(*sentence)
        parts.extend([sentence] if whole else filled(list(words(text, *sentence, fits)), fits))
    return _filled_drafts(parts, paths, fits)


def _by_words(page: Page, paths: "_Paths", measure: _Measure) -> list[_Draft]:
    parts = list(words(page.text, 0, len(page.text), measure.fits))
    return _filled_drafts(parts, paths, measure.fits)


_DRAFTS = {"structure": _by_structure, "sentence": _by_sentence, "fixed": _by_words}


def _filled_drafts(parts: Sequence[Span], paths: "_Paths", fits: Fits) -> list[_Draft]:
    return [_Draft(((start, end),), paths.at(start)) for start, end in filled(parts, fits)]


def _pack(found: Sequence[Unit], paths: "_Paths", measure: _Measure) -> list[_Draft]:
    """Fill chunks with whole units.

    A unit is cut when it is too long, or when the chunk before it would stay too short.
    """
    drafts: list[list[Span]] = []
    for unit in found:
        whole = (unit.start, unit.end)
        open_start = drafts[-1][0][0] if drafts else None
        if open_start is not None and measure.fits(open_start, unit.end):
            drafts[-1].append(whole)
            continue
        enough = open_start is None or not measure.small(open_start, drafts[-1][-1][1])
        if enough and measure.fits(*whole):
            drafts.append([whole])
            continue
        for part in pieces(measure.text, unit, measure.fits):
            if drafts and measure.fits(drafts[-1][0][0], part[1]):
                drafts[-1].append(part)
            else:
                drafts.append([part])
    return [_Draft(tuple(parts), paths.at(parts[0][0])) for parts in drafts]


def _balanced(drafts: list[_Draft], measure: _Measure) -> list[_Draft]:
    """Move parts from the chunk before to a last chunk that is too short."""
    if len(drafts) < 2 or not measure.small(drafts[-1].start, drafts[-1].end):
        return drafts
    parts = (*drafts[-2].parts, *drafts[-1].parts)
    best = len(drafts[-2].parts)
    for cut in range(len(drafts[-2].parts) - 1, 0, -1):
        left = measure.tokens(parts[0][0], parts[cut - 1][1])
        right = measure.tokens(parts[cut][0], parts[-1][1])
        if not measure.fits(parts[cut][0], parts[-1][1]) or left < measure.config.min_tokens:
            break
        best = cut
        if right >= measure.config.min_tokens:
            break
    first = _Draft(parts[:best], drafts[-2].path)
    return [*drafts[:-2], first, _Draft(parts[best:], drafts[-1].path)]


def _joined(drafts: Sequence[_Draft], measure: _Measure) -> list[_Draft]:
    """Join chunks that are too short to a neighbour, the more closely related one first."""
    made = list(drafts)
    index = 0
    while index < len(made):
        draft = made[index]
        if len(made) > 1 and measure.small(draft.start, draft.end):
            near = [i for i in (index - 1, index) if _can_join(made, i, measure)]
            if near:
                at = max(near, key=lambda i: (_common(made[i].path, made[i + 1].path), -i))
                made[at : at + 2] = [_join(made[at], made[at + 1], measure)]
                index = max(at - 1, 0)
                continue
        index += 1
    return made


def _can_join(drafts: Sequence[_Draft], at: int, measure: _Measure) -> bool:
    inside = 0 <= at < len(drafts) - 1
    return inside and measure.fits(drafts[at].start, drafts[at + 1].end)


def _join(left: _Draft, right: _Draft, measure: _Measure) -> _Draft:
    """The path is that of the longer part: the other is a leftover."""
    longer = max(left, right, key=lambda draft: measure.tokens(draft.start, draft.end))
    return _Draft((*left.parts, *right.parts), longer.path)


def _common(left: Path, right: Path) -> int:
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _overlapped(drafts: Sequence[_Draft], measure: _Measure) -> list[int]:
    """Where each chunk begins when it repeats the last sentences of the one before."""
    starts: list[int] = []
    for index, draft in enumerate(drafts):
        start = draft.start
        if index and drafts[index - 1].path == draft.path:
            before = drafts[index - 1]
            spans = list(sentences(measure.text, before.start, before.end))
            for span in reversed(spans[1:]):
                if not _may_repeat(span[0], draft, measure):
                    break
                start = span[0]
        starts.append(start)
    return starts


def _may_repeat(start: int, draft: _Draft, measure: _Measure) -> bool:
    within = measure.tokens(start, draft.start) <= measure.config.overlap_tokens
    return within and measure.tokens(start, draft.end) <= measure.config.max_tokens


def _finished(page: Page, draft: _Draft, start: int, measure: _Measure) -> Chunk:
    header = _table_header(page, start)
    heading = SEPARATOR.join(draft.path)
    if header:
        columns = header.translate(_SQUARE)
        heading = f"{heading} ({columns})".lstrip()
    tokens = measure.tokens(start, draft.end)
    text = page.text[start : draft.end]
    return Chunk(page.number, start, draft.end, heading, text, tokens, header)


def _table_header(page: Page, start: int) -> str:
    """Column names of the table that a chunk begins in, unless its text shows them."""
    for block in page.blocks:
        if block.kind == "table" and block.start <= start < block.end:
            shown = block.start == start and page.text.startswith(f"| {block.header} |", start)
            return "" if shown else block.header
    return ""


class _Paths:
    """The heading path at every offset of a page."""

    def __init__(self, marks: Sequence[tuple[int, Path]]) -> None:
        self._marks = marks

    def at(self, offset: int) -> Path:
        """Path of the text at an offset; headings in a row all count for the first."""
        found: Path = ()
        for start, path in self._marks:
            if start > offset:
                break
            found = path
        return found


def _paths(page: Page, current: dict[int, str]) -> _Paths:
    """Read the page's headings; `current` holds the open heading of each level."""
    marks: list[tuple[int, Path]] = [(0, _path(current))]
    run: list[int] = []
    for block in blocks_of(page):
        if block.kind != "heading":
            run = []
            continue
        _open(current, page, block)
        run.append(block.start)
        path = _path(current)
        # "4 Operation" directly above "4.2 Starting": both lines stand under the second.
        marks = [(at, p) for at, p in marks if at not in run or (at == 0 and run[0] != 0)]
        marks.extend((at, path) for at in run)
        marks.sort(key=lambda mark: mark[0])
    return _Paths(marks)


def _open(current: dict[int, str], page: Page, block: Block) -> None:
    for level in [level for level in current if level >= block.level]:
        del current[level]
    current[block.level] = " ".join(page.text[block.start : block.end].split())


def _path(current: dict[int, str]) -> Path:
    return tuple(current[level] for level in sorted(current))
