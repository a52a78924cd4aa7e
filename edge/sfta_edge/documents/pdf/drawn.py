"""Pictures and filled shapes of a PDF page, found by PDFium."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pypdfium2.raw as pdfium

from sfta_edge.documents.document import Box
from sfta_edge.documents.pdf.boxes import area, overlap
from sfta_edge.documents.pdf.frame import Frame, Point
from sfta_edge.documents.pdf.grids import Rule
from sfta_edge.documents.pdf.hidden import NEAR_WHITE
from sfta_edge.documents.pdf.order import Boxed

_MOST_OBJECTS = 20_000
_LEAST_WIDTH = 50.0
_LEAST_HEIGHT = 30.0
_PAGE_SHARE = 0.7
_STRAIGHT = 0.5
_NEAR_POINTS = 3.0
_MOST_SEGMENTS = 2000
_MOST_CLUSTERED = 2000


@dataclass(slots=True)
class Drawn:
    """What a page shows besides text, in points from the upper left."""

    paper: Box
    pictures: list[Box] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    """Filled paths: `rect`, and `fill` as red, green and blue from 0 to 1."""
    forms: list[Box] = field(default_factory=list)
    """Groups whose parts are not looked at."""
    paths: list[Box] = field(default_factory=list)
    """All that is drawn with lines."""
    across: list[Rule] = field(default_factory=list)
    down: list[Rule] = field(default_factory=list)

    @classmethod
    def on(cls, page: Any, frame: Frame) -> "Drawn":
        """Look at the objects of a page; of a page drawn of many thousands, at the first."""
        drawn = cls((0.0, 0.0, *frame.size))
        for item in islice(page.get_objects(max_depth=1), _MOST_OBJECTS):
            if item.type not in _KINDS:
                continue
            box = overlap(frame.box(*item.get_bounds()), drawn.paper)
            if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
                drawn.pictures.append(box)
            elif item.type == pdfium.FPDF_PAGEOBJ_FORM:
                drawn.forms.append(box)
            else:
                drawn.paths.append(box)
                drawn._note_rules(item, frame)
                if colour := _fill_of(item.raw):
                    drawn.fills.append({"rect": box, "fill": colour})
        return drawn

    def dark(self) -> list[Box]:
        """Places on which white text can be read; a group may be one."""
        dark = [fill["rect"] for fill in self.fills if min(fill["fill"]) < NEAR_WHITE]
        return [*dark, *self.forms]

    def places(self, taken: Sequence[Boxed]) -> list[Box]:
        """Pictures and drawings that may hold labels: neither tables nor a background."""
        tables = [(table.x0, table.y0, table.x1, table.y1) for table in taken]
        found = {
            box
            for box in (*self.pictures, *_clusters(self.paths))
            if box[2] - box[0] >= _LEAST_WIDTH
            and box[3] - box[1] >= _LEAST_HEIGHT
            and area(box) <= _PAGE_SHARE * area(self.paper)
            and not any(area(overlap(box, table)) > 0.5 * area(box) for table in tables)
        }
        return sorted(found, key=lambda b: (b[1], b[0], b[3], b[2]))

    def _note_rules(self, item: Any, frame: Frame) -> None:
        """Remember the straight sides of a path."""
        for (ax, ay), (bx, by) in _sides(item, frame):
            if abs(ay - by) <= _STRAIGHT and abs(ax - bx) > _STRAIGHT:
                self.across.append(Rule((ay + by) / 2, min(ax, bx), max(ax, bx)))
            elif abs(ax - bx) <= _STRAIGHT and abs(ay - by) > _STRAIGHT:
                self.down.append(Rule((ax + bx) / 2, min(ay, by), max(ay, by)))


def _sides(item: Any, frame: Frame) -> Iterator[tuple[Point, Point]]:
    """Straight segments of a path, on the page as shown."""
    matrix = item.get_matrix()
    x, y = ctypes.c_float(), ctypes.c_float()
    start = last = None
    for at in range(min(pdfium.FPDFPath_CountSegments(item.raw), _MOST_SEGMENTS)):
        segment = pdfium.FPDFPath_GetPathSegment(item.raw, at)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        here = frame.point(*matrix.on_point(x.value, y.value))
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start = here
        elif kind == pdfium.FPDF_SEGMENT_LINETO and last is not None:
            yield last, here
        if pdfium.FPDFPathSegment_GetClose(segment) and start is not None:
            yield here, start
        last = here


def _clusters(boxes: Sequence[Box]) -> list[Box]:
    """Boxes around what is drawn close together."""
    clusters: list[Box] = []
    for box in boxes[:_MOST_CLUSTERED]:
        while near := [other for other in clusters if _near(box, other)]:
            for other in near:
                clusters.remove(other)
            xs0, ys0, xs1, ys1 = zip(box, *near, strict=True)
            box = (min(xs0), min(ys0), max(xs1), max(ys1))  # noqa: PLW2901 it grows
        clusters.append(box)
    return clusters


def _near(a: Box, b: Box) -> bool:
    across = max(a[0], b[0]) - min(a[2], b[2])
    return max(across, max(a[1], b[1]) - min(a[3], b[3])) <= _NEAR_POINTS


_KINDS = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM, pdfium.FPDF_PAGEOBJ_PATH)


def _fill_of(item: Any) -> tuple[float, float, float] | None:
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    if not pdfium.FPDFPath_GetDrawMode(item, mode, stroke) or not mode.value:
        return None
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not pdfium.FPDFPageObj_GetFillColor(item, red, green, blue, alpha) or not alpha.value:
        return None
    return red.value / 255, green.value / 255, blue.value / 255
