"""The labels inside the drawings and pictures of a page.

The labels of a figure are words without sentences. They become one block beside the caption,
one label per line, so that they never break into the running text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sfta_edge.documents.document import Box
from sfta_edge.documents.pdf.boxes import holds
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine, split_at_gaps

_LABEL_WORDS = 6
_NEAR_POINTS = 6.0
_NEAR_STEPS = 2
_LABEL_GAP_EMS = 1.0


@dataclass(frozen=True, slots=True)
class Figure:
    """The labels of one drawing, from top to bottom."""

    x0: float
    y0: float
    x1: float
    y1: float
    labels: tuple[tuple[TextLine, ...], ...]
    """Each of one or more lines."""


def take_figures(printed: PrintedPage, places: Sequence[Box], body_size: float) -> list[Figure]:
    """Labels in and close to each place; they leave the lines of the page."""
    figures: list[Figure] = []
    for place in places:
        pieces = [p for line in printed.lines for p in split_at_gaps(line, _LABEL_GAP_EMS)]
        inside = [p for p in pieces if _within(p, place)]
        if not inside or not _are_labels(inside):
            continue
        labels = _with_near_labels(inside, pieces, place, body_size)
        gone = {id(word) for piece in labels for word in piece.words}
        kept = (tuple(w for w in i.words if id(w) not in gone) for i in printed.lines)
        printed.lines = [TextLine(words) for words in kept if words]
        figures.append(Figure(*_around(place, labels), _stacked(labels)))
    return figures


def _with_near_labels(
    inside: Sequence[TextLine], pieces: Sequence[TextLine], place: Box, body_size: float
) -> list[TextLine]:
    """Labels inside and, step by step, the small ones close to them."""
    found = {id(piece): piece for piece in inside}
    box = _around(place, inside)
    for _ in range(_NEAR_STEPS):
        near = [p for p in pieces if _touches(p, box) and _is_label(p, body_size)]
        found |= {id(piece): piece for piece in near}
        box = _around(box, near)
    return list(found.values())


def _stacked(pieces: Sequence[TextLine]) -> tuple[tuple[TextLine, ...], ...]:
    """Labels from top to bottom; lines set closely under one another are one label."""
    labels: list[list[TextLine]] = []
    for piece in sorted(pieces, key=lambda p: (round(p.baseline / 4), p.x0)):
        above = [label for label in labels if _is_under(piece, label[-1])]
        if above:
            above[-1].append(piece)
        else:
            labels.append([piece])
    return tuple(tuple(label) for label in labels)


def _is_under(piece: TextLine, above: TextLine) -> bool:
    step = piece.baseline - above.baseline
    centred = abs((piece.x0 + piece.x1) - (above.x0 + above.x1)) < piece.size
    aligned = abs(piece.x0 - above.x0) < 1.0
    return 0 < step < 1.4 * piece.size and (centred or aligned) and piece.size == above.size


def _are_labels(lines: Sequence[TextLine]) -> bool:
    return sum(len(line.words) for line in lines) <= _LABEL_WORDS * len(lines) * 0.75


def _is_label(line: TextLine, body_size: float) -> bool:
    return len(line.words) <= _LABEL_WORDS and line.size <= body_size - 0.8


def _within(line: TextLine, box: Box) -> bool:
    return holds(box, (line.x0 + line.x1) / 2, (line.y0 + line.y1) / 2)


def _touches(line: TextLine, box: Box) -> bool:
    """Not farther from the box than a label is printed."""
    across = max(box[0] - line.x1, line.x0 - box[2])
    down = max(box[1] - line.y1, line.y0 - box[3])
    return max(across, down) <= _NEAR_POINTS


def _around(box: Box, lines: Sequence[TextLine]) -> Box:
    return (
        min([box[0], *(line.x0 for line in lines)]),
        min([box[1], *(line.y0 for line in lines)]),
        max([box[2], *(line.x1 for line in lines)]),
        max([box[3], *(line.y1 for line in lines)]),
    )
