"""Bullets that are drawn as small squares or discs, as browsers print them.

A list that loses its bullets is one paragraph of unrelated sentences.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sfta_edge.documents.document import Box
from sfta_edge.documents.pdf.boxes import box_of, holds
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine, Word

_LEAST_POINTS = 1.5
_MOST_POINTS = 6.5
_GAP_SIZES = 2.0
_LEAST_BULLETS = 2


def write_bullets(
    drawings: Iterable[dict[str, Any]], printed: PrintedPage, figures: Sequence[Box]
) -> int:
    """Put a bullet before each line that has one drawn at its left; return how many.

    Inside of `figures` a square is the key of a chart.
    """
    boxes = [box_of(drawing["rect"]) for drawing in drawings if drawing.get("fill")]
    marks = [
        box
        for box in boxes
        if _is_small(box) and not any(holds(place, box[0], box[1]) for place in figures)
    ]
    found = {id(line): mark for mark in marks if (line := _line_of(mark, printed.lines))}
    columns = Counter(round(mark[0]) for mark in found.values())
    kept = {key: m for key, m in found.items() if columns[round(m[0])] >= _LEAST_BULLETS}
    printed.lines = [
        _with_bullet(line, kept[id(line)]) if id(line) in kept else line
        for line in printed.lines
    ]
    return len(kept)


def _is_small(box: Box) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    small = all(_LEAST_POINTS <= side <= _MOST_POINTS for side in (width, height))
    return small and abs(width - height) <= 1.0


def _line_of(mark: Box, lines: Iterable[TextLine]) -> TextLine | None:
    """The line that begins a little to the right of a mark, at its height."""
    middle = (mark[1] + mark[3]) / 2
    beside = [
        line
        for line in lines
        if line.y0 < middle < line.y1 and 0 <= line.x0 - mark[2] < _GAP_SIZES * line.size
    ]
    return min(beside, key=lambda line: line.x0, default=None)


def _with_bullet(line: TextLine, mark: Box) -> TextLine:
    first = line.words[0]
    bullet = Word("\u2022", *mark, line.baseline, line.size, first.bold, first.mono)
    return TextLine((bullet, *line.words))
