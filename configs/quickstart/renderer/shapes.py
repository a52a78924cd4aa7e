"""Small drawing vocabulary shared by the figures: boxes, arrows, labels and charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reportlab.graphics.shapes import Circle, Drawing, Line, Polygon, PolyLine, Rect, String
from reportlab.lib.colors import Color, HexColor

INK = HexColor("#1d2733")
PALE = HexColor("#dfe8ee")
ACCENT = HexColor("#0b4f6c")
WHITE = HexColor("#ffffff")
RED = HexColor("#b3261e")
GREEN = HexColor("#2e7d32")
AMBER = HexColor("#c8890b")
PALE_RED = HexColor("#f4c4c0")
PALE_AMBER = HexColor("#f6dfae")
GRID = HexColor("#c3ccd4")

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


def label(
    picture: Drawing,
    x: float,
    y: float,
    text: str,
    size: float = 8.5,
    anchor: Anchor = "middle",
) -> None:
    """Write one line of text."""
    picture.add(
        String(
            x, y, text, fontName="Helvetica", fontSize=size, textAnchor=anchor, fillColor=INK
        )
    )


def box(  # noqa: PLR0917 a drawing is read as x, y, width, height
    picture: Drawing, x: float, y: float, w: float, h: float, text: str, fill: Color = PALE
) -> None:
    """Draw a box with centred lines of text, separated by ``|``."""
    frame = Rect(x, y, w, h, rx=3, ry=3)
    frame.fillColor, frame.strokeColor, frame.strokeWidth = fill, INK, 0.8
    picture.add(frame)
    lines = text.split("|") if text else []
    top = y + h / 2 + (len(lines) - 1) * 5 - 3
    for index, line in enumerate(lines):
        label(picture, x + w / 2, top - index * 10, line)


def arrow(picture: Drawing, *points: Point, colour: Color = INK) -> None:
    """Draw a line through the points that ends in an arrow head."""
    flat = [value for point in points for value in point]
    picture.add(PolyLine(flat, strokeColor=colour, strokeWidth=1.1))
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    head = [x1, y1, x1 - 6 * ux + 3 * uy, y1 - 6 * uy - 3 * ux]
    head += [x1 - 6 * ux - 3 * uy, y1 - 6 * uy + 3 * ux]
    picture.add(Polygon(head, fillColor=colour, strokeColor=colour, strokeWidth=0.5))


def line(picture: Drawing, start: Point, end: Point, colour: Color = INK) -> None:
    """Draw a plain line."""
    picture.add(Line(*start, *end, strokeColor=colour, strokeWidth=0.8))


def spot(
    picture: Drawing, x: float, y: float, r: float, text: str, fill: Color = WHITE
) -> None:
    """Draw a circle with a short text in it."""
    picture.add(Circle(x, y, r, fillColor=fill, strokeColor=INK, strokeWidth=0.8))
    label(picture, x, y - 3, text, 8)


def axes(picture: Drawing, origin: Point, size: Point, names: tuple[str, str]) -> None:
    """Draw two axes with their names."""
    (x, y), (w, h) = origin, size
    arrow(picture, (x, y), (x + w, y))
    arrow(picture, (x, y), (x, y + h))
    label(picture, x + w / 2, y - 26, names[0])
    label(picture, x - 6, y + h + 6, names[1], anchor="start")


def trace(picture: Drawing, points: Sequence[Point], colour: Color = ACCENT) -> None:
    """Draw a measured curve as a line through points."""
    flat = [value for point in points for value in point]
    picture.add(PolyLine(flat, strokeColor=colour, strokeWidth=1.6))
