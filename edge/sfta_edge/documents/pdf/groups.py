"""Printed lines that belong together, and what print is usual in a document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sfta_edge.documents.pdf.figures import Figure
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine
from sfta_edge.documents.pdf.tables import Note, Table
from sfta_edge.documents.spelling import ends_broken, words_of

SIZE_POINTS = 0.6
"""Font sizes that differ by less are one size."""


@dataclass(frozen=True, slots=True)
class Typography:
    """What is usual in a document."""

    body_size: float
    mono_body: bool
    """The running text itself has a fixed width, so that width says nothing."""
    leading: dict[float, float]
    """Usual distance of baselines, by font size."""
    words: frozenset[str]
    """Words that stand unbroken somewhere."""

    @classmethod
    def of(cls, pages: Sequence[PrintedPage]) -> "Typography":
        """Measure all pages."""
        sizes: Counter[float] = Counter()
        mono = total = 0
        steps: dict[float, Counter[float]] = {}
        words: set[str] = set()
        for page in pages:
            broken = False
            for line in page.lines:
                length = len(line.text)
                sizes[line.size] += length
                mono, total = mono + length * line.mono, total + length
                words |= words_of(line.text, broken=broken)
                broken = ends_broken(line.text)
            _count_steps(page.lines, steps)
        leading = {size: max(c, key=lambda s: (c[s], -s)) for size, c in steps.items()}
        body = max(sizes, key=lambda size: (sizes[size], size)) if sizes else 0.0
        return cls(body, mono * 2 > total, leading, frozenset(words))

    def pitch(self, size: float) -> float:
        """Usual distance of baselines of this size, in points."""
        return self.leading.get(size, 1.25 * size)


@dataclass(slots=True)
class Lines:
    """Printed lines of one paragraph, heading, item or listing."""

    lines: list[TextLine]
    marker: str = ""
    """Bullet or number of a list item."""
    contents: bool = False
    """A row of a table of contents: text, and a page number at the far right."""
    gap: float = field(default=0.0)
    """Distance to the line above in usual distances of lines."""

    @property
    def text(self) -> str:
        """The lines with a space between them."""
        return " ".join(line.text for line in self.lines)

    @property
    def first(self) -> TextLine:
        """The first line."""
        return self.lines[0]


Group = Lines | Table | Note | Figure


def ends_sentence(text: str) -> bool:
    """Whether a line of text ends with a full stop or the like."""
    return text.rstrip("\"')]\u201d\u2019").endswith((".", "!", "?", ":", "。", "！", "？"))


def _count_steps(lines: Sequence[TextLine], steps: dict[float, Counter[float]]) -> None:
    """Distances between baselines of neighbouring lines of one size."""
    for above, below in pairwise(lines):
        step = round((below.baseline - above.baseline) * 2) / 2
        if above.size == below.size and 0.8 * above.size < step < 2.5 * above.size:
            steps.setdefault(above.size, Counter())[step] += 1
