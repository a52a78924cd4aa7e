"""What a page may be cut into: sections, units that stay together, and their pieces.

A unit is a block with what must not part from it: its heading, its caption, the sentence
that introduces it. Pieces are what a unit falls into when it is too long for one chunk:
sentences, items, rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sfta_edge.documents.document import Block, Page
from sfta_edge.sentences import Span, sentences

SECTION_LEVELS = 3
_INTRO_CHARACTERS = 400
Fits = Callable[[int, int], bool]
"""Whether the stretch of page text between two offsets is short enough for a chunk."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Blocks that belong together."""

    blocks: tuple[Block, ...]

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self.blocks[0].start

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self.blocks[-1].end


def blocks_of(page: Page) -> list[Block]:
    """The page's blocks; text outside any block becomes paragraphs of its own."""
    found: list[Block] = []
    at = 0
    for block in sorted(page.blocks, key=lambda b: (b.start, b.end)):
        found.extend(_loose(page.text, at, block.start))
        if block.end > max(at, block.start):
            found.append(block if block.start >= at else _clipped(block, at))
        at = max(at, block.end)
    found.extend(_loose(page.text, at, len(page.text)))
    return found


def sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks from one heading of level 1 to 3 to the next; headings in a row stay together."""
    section: list[Block] = []
    for block in blocks:
        begins = block.kind == "heading" and block.level <= SECTION_LEVELS
        if begins and any(b.kind != "heading" for b in section):
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def units(page: Page, section: Sequence[Block]) -> list[Unit]:
    """Blocks of a section, joined with what introduces them."""
    joined: list[Unit] = []
    waiting: list[Block] = []
    for index, block in enumerate(section):
        after = section[index + 1] if index + 1 < len(section) else None
        waiting.append(block)
        if after is None or not _introduces(page.text, block, after):
            joined.append(Unit(tuple(waiting)))
            waiting = []
    return joined


def pieces(text: str, unit: Unit, fits: Fits) -> list[Span]:
    """Smallest stretches a unit may be cut into; each is short enough for a chunk.

    A heading, caption or introducing sentence clings to the piece after it as long as both
    fit, and so does the header of a table to its first row.
    """
    found: list[Span] = []
    clinging = False
    for block in unit.blocks:
        for number, piece in enumerate(_block_pieces(text, block)):
            for part in _small_enough(text, piece, fits):
                if clinging and fits(found[-1][0], part[1]):
                    found[-1] = (found[-1][0], part[1])
                else:
                    found.append(part)
                clinging = block.kind == "table" and number < _header_rows(text, block)
        clinging = clinging or block is not unit.blocks[-1]
    return found


def words(text: str, start: int, end: int, fits: Fits) -> Iterator[Span]:
    """Words of a stretch; a word that is too long is cut."""
    at = start
    while at < end:
        if text[at].isspace():
            at += 1
            continue
        stop = at
        while stop < end and not text[stop].isspace():
            stop += 1
        yield from _cut_word(at, stop, fits)
        at = stop


def _block_pieces(text: str, block: Block) -> Iterator[Span]:
    if block.kind in ("list", "table", "code"):
        at = block.start
        for line in text[block.start : block.end].split("\n"):
            if line.strip():
                indent = len(line) - len(line.lstrip())
                yield at + indent, at + len(line.rstrip())
            at += len(line) + 1
    else:
        yield from sentences(text, block.start, block.end)


def _small_enough(text: str, piece: Span, fits: Fits) -> Iterator[Span]:
    """The piece, or its sentences, or stretches of words."""
    if fits(*piece):
        yield piece
        return
    for sentence in sentences(text, *piece):
        if fits(*sentence):
            yield sentence
        else:
            yield from filled(list(words(text, *sentence, fits)), fits)


def filled(parts: Sequence[Span], fits: Fits) -> Iterator[Span]:
    """Neighbouring parts joined as long as they fit."""
    start = end = -1
    for part in parts:
        if start >= 0 and fits(start, part[1]):
            end = part[1]
            continue
        if start >= 0:
            yield start, end
        start, end = part
    if start >= 0:
        yield start, end


def _cut_word(start: int, end: int, fits: Fits) -> Iterator[Span]:
    while start < end:
        stop = end
        while stop - start > 1 and not fits(start, stop):
            stop = start + (stop - start + 1) // 2
        yield start, stop
        start = stop


def _introduces(text: str, block: Block, after: Block) -> bool:
    if block.kind == "heading":
        return True
    if block.kind == "caption":
        return after.kind in ("table", "caption", "code")
    if block.kind == "paragraph" and after.kind in ("list", "table", "code"):
        short = block.end - block.start <= _INTRO_CHARACTERS
        return short and text[block.start : block.end].rstrip().endswith(":")
    return False


def _header_rows(text: str, block: Block) -> int:
    """How many rows of a table no chunk may end with: its names and the rule below them."""
    rows = text[block.start : block.end].split("\n", 2)
    return 2 if len(rows) > 1 and set(rows[1]) <= set("|-: ") else 0


def _loose(text: str, start: int, end: int) -> Iterator[Block]:
    piece = text[start:end]
    if piece.strip():
        left = len(piece) - len(piece.lstrip())
        yield Block("paragraph", 0, start + left, start + len(piece.rstrip()))


def _clipped(block: Block, start: int) -> Block:
    return Block(block.kind, block.level, start, block.end, block.header)
