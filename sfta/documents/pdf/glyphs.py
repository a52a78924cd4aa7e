"""The printed words of a PDF page: what they say, where they stand, how they look.

The only contact with PyMuPDF's text model. Coordinates are points on the working page: the
page turned so that most of its text is horizontal, origin top left.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pymupdf

from sfta.documents.document import Box, UnreadableError
from sfta.documents.pdf.accents import composed
from sfta.documents.pdf.hidden import Hidden
from sfta.documents.spelling import SOFT_HYPHEN, clean, invisible, superscript, tricks

_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
_UPRIGHT = 0.9
_RAISED_SIZE = 0.85
_RAISED = 0.2
_TURNS = {(1, 0): 0, (0, 1): 270, (-1, 0): 180, (0, -1): 90}


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a space between them."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    baseline: float
    size: float
    bold: bool
    mono: bool

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class TextLine:
    """Words on one baseline, from left to right."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(word.text for word in self.words)

    @property
    def x0(self) -> float:
        """Left edge."""
        return self.words[0].x0

    @property
    def x1(self) -> float:
        """Right edge."""
        return max(word.x1 for word in self.words)

    @property
    def y0(self) -> float:
        """Upper edge."""
        return min(word.y0 for word in self.words)

    @property
    def y1(self) -> float:
        """Lower edge."""
        return max(word.y1 for word in self.words)

    @property
    def baseline(self) -> float:
        """Where the letters of the main size stand."""
        return max(self.words, key=lambda word: (word.size, len(word.text))).baseline

    @property
    def size(self) -> float:
        """Font size of most characters, in points, to a tenth."""
        sizes: Counter[float] = Counter()
        for word in self.words:
            sizes[word.size] += len(word.text)
        return max(sizes, key=lambda size: (sizes[size], size))

    @property
    def bold(self) -> bool:
        """Every word is bold."""
        return all(word.bold for word in self.words)

    @property
    def mono(self) -> bool:
        """Every word stands in a font of fixed width."""
        return all(word.mono for word in self.words)


@dataclass(slots=True)
class PrintedPage:
    """One page as it is printed."""

    width: float
    """Of the page as shown, points."""
    height: float
    turn: int
    """Degrees the working page is turned against the page as shown."""
    lines: list[TextLine]
    sideways: list[TextLine] = field(default_factory=list)
    """Lines in another direction: labels on a margin or an axis. Part of no column."""
    counts: Counter[str] = field(default_factory=Counter)
    flags: list[str] = field(default_factory=list)
    """Names of what somebody did to hide text, and of what to be careful with."""
    tilt: float = 0.0
    """Degrees, against the clock, by which a scanned page was set straight about its middle."""
    confidence: float | None = None
    """Of OCR in its words, 0 to 100; None where the text is the file's own."""

    def shown(self, box: Box) -> Box:
        """A box of the working page, on the page as a viewer shows it."""
        x0, y0, x1, y1 = self._tilted(box) if self.tilt else box
        match self.turn:
            case 90:
                return (y0, self.height - x1, y1, self.height - x0)
            case 180:
                return (self.width - x1, self.height - y1, self.width - x0, self.height - y0)
            case 270:
                return (self.width - y1, x0, self.width - y0, x1)
        return (x0, y0, x1, y1)

    def _tilted(self, box: Box) -> Box:
        """The box at its place before the page was set straight; a word keeps its size."""
        width, height = self.width, self.height
        if self.turn in (90, 270):
            width, height = height, width
        x, y = (box[0] + box[2] - width) / 2, (box[1] + box[3] - height) / 2
        sine, cosine = math.sin(math.radians(self.tilt)), math.cos(math.radians(self.tilt))
        dx = x * cosine - y * sine - x
        dy = x * sine + y * cosine - y
        return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def read_page(page: Any, *, drop_hidden: bool, most_characters: int) -> PrintedPage:
    """Words and lines of a page, which is turned upright in place.

    Raises:
        UnreadableError: the page holds more than `most_characters`.
    """
    if page.rotation:
        page.remove_rotation()
    width, height = page.rect.width, page.rect.height
    raw = _raw_lines(page, most_characters)
    if turn := _turn(raw):
        page.set_rotation(turn)
        page.remove_rotation()
        raw = _raw_lines(page, most_characters)
    printed = PrintedPage(width, height, turn, [])
    hidden = Hidden(page) if drop_hidden else None
    for line in raw:
        spans = [s for s in line["spans"] if not (hidden and hidden.holds(s))]
        if dropped := len(line["spans"]) - len(spans):
            printed.counts["hidden_spans"] += dropped
        words = tuple(_words(spans, printed.counts))
        if words:
            upright = line["dir"][0] > _UPRIGHT
            (printed.lines if upright else printed.sideways).append(TextLine(words))
    if printed.counts["hidden_spans"]:
        printed.flags.append("hidden_text")
    if printed.counts["invisible_characters"]:
        printed.flags += tricks("".join(_letters(raw)))
    return printed


def split_at_gaps(line: TextLine, ems: float) -> Iterator[TextLine]:
    """Cut a line where the space between two words is wider than `ems` font sizes."""
    begin = 0
    for index, (left, right) in enumerate(zip(line.words, line.words[1:], strict=False), 1):
        if right.x0 - left.x1 > ems * max(left.size, right.size):
            yield TextLine(line.words[begin:index])
            begin = index
    yield TextLine(line.words[begin:])


def merge(lines: Iterable[TextLine]) -> TextLine:
    """One line of all the words, from left to right."""
    return TextLine(tuple(sorted((w for i in lines for w in i.words), key=lambda w: w.x0)))


def _raw_lines(page: Any, most_characters: int) -> list[dict[str, Any]]:
    printed = page.get_textpage(flags=_FLAGS)
    # Counted in the library first: as Python objects the characters need far more memory.
    if len(printed.extractTEXT()) > most_characters:
        raise UnreadableError(
            "too_large",
            f"page {page.number + 1} holds more text than ingest.limits.page_characters allows",
        )
    blocks = printed.extractRAWDICT()["blocks"]
    return [line for block in blocks for line in block.get("lines", ())]


def _letters(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (char["c"] for line in lines for span in line["spans"] for char in span["chars"])


def _turn(lines: Sequence[dict[str, Any]]) -> int:
    """Degrees that bring most of the text upright."""
    weight: Counter[int] = Counter()
    for line in lines:
        direction = (round(line["dir"][0]), round(line["dir"][1]))
        weight[_TURNS.get(direction, 0)] += sum(len(s["chars"]) for s in line["spans"])
    return weight.most_common(1)[0][0] if weight else 0


def _words(spans: Sequence[dict[str, Any]], counts: Counter[str]) -> Iterator[Word]:
    """Words of one line; a word may go on over a change of font."""
    main = max(spans, key=lambda s: s["size"], default=None)
    pending: list[tuple[str, Any, dict[str, Any]]] = []
    for span in spans:
        raised = _raised(span, main or span)
        for char in span["chars"]:
            letter = raised or {}
            text = letter.get(char["c"], char["c"])
            if text.isspace():
                yield from _word(pending, counts)
                pending = []
            else:
                pending.append((text, char, span))
    yield from _word(pending, counts)


def _word(
    chars: Sequence[tuple[str, Any, dict[str, Any]]], counts: Counter[str]
) -> Iterator[Word]:
    chars = composed(chars)
    raw = "".join(text for text, _, _ in chars)
    ends_soft = raw.endswith(SOFT_HYPHEN)
    text = clean(raw).strip()
    counts["invisible_characters"] += invisible(raw)
    counts["unknown_characters"] += raw.count("\ufffd")
    counts["characters"] += len(text)
    if not text:
        return
    boxes = [char["bbox"] for _, char, _ in chars]
    spans = [span for _, _, span in chars]
    main = max(spans, key=lambda span: span["size"])
    yield Word(
        text + (SOFT_HYPHEN if ends_soft else ""),
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
        next(char["origin"][1] for _, char, span in chars if span is main),
        round(main["size"], 1),
        all(_is_bold(span) for span in spans),
        all(bool(span["flags"] & pymupdf.TEXT_FONT_MONOSPACED) for span in spans),
    )


def _is_bold(span: dict[str, Any]) -> bool:
    name = span["font"].lower()
    marked = any(mark in name for mark in ("bold", "black", "heavy", "semibold", "-bd"))
    return marked or bool(span["flags"] & pymupdf.TEXT_FONT_BOLD)


def _raised(span: dict[str, Any], main: dict[str, Any]) -> dict[str, str] | None:
    """Spelling of a superscript span, if all of it can be spelled so."""
    text = "".join(char["c"] for char in span["chars"]).strip()
    if not text or span["size"] >= _RAISED_SIZE * main["size"]:
        return None
    # MuPDF knows a raised span by the one before it, so not at the beginning of a line.
    above = main["origin"][1] - span["origin"][1]
    if not (span["flags"] & pymupdf.TEXT_FONT_SUPERSCRIPT or above > _RAISED * main["size"]):
        return None
    raised = superscript(text)
    return dict(zip(text, raised, strict=True)) if raised else None
