"""The printed words of a page: what they say, where they stand, how they look.

Coordinates are points on the working page: the page turned so that most of its text is
horizontal, origin top left.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sfta_edge.documents.document import Box


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
