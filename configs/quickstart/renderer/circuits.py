"""Block diagrams of the air, oil, water and isolation circuits, and of the sensors."""

from __future__ import annotations

from collections.abc import Callable

from reportlab.graphics.shapes import Drawing

from renderer.shapes import (
    ACCENT,
    PALE,
    PALE_AMBER,
    PALE_RED,
    WHITE,
    Point,
    arrow,
    box,
    label,
    spot,
)

WIDTH = 430
Box = tuple[float, float, float, float, str]


def _diagram(
    height: float, boxes: tuple[Box, ...], links: tuple[tuple[Point, ...], ...]
) -> Drawing:
    picture = Drawing(WIDTH, height)
    for x, y, w, h, text in boxes:
        box(picture, x, y, w, h, text, PALE)
    for points in links:
        arrow(picture, *points, colour=ACCENT)
    return picture


def air_flow() -> Drawing:
    """Path of the air from the intake filter to the outlet."""
    return _diagram(
        170,
        (
            (5, 110, 75, 44, "Intake filter|IF-21"),
            (100, 110, 75, 44, "Intake valve|IV-1"),
            (195, 110, 80, 44, "LP airend|stage 1"),
            (295, 110, 80, 44, "Intercooler"),
            (295, 20, 80, 44, "HP airend|stage 2"),
            (195, 20, 80, 44, "Check valve|CV-1"),
            (100, 20, 75, 44, "Aftercooler"),
            (5, 20, 75, 44, "MPV-1 and|outlet DN 100"),
        ),
        (
            ((80, 132), (100, 132)),
            ((175, 132), (195, 132)),
            ((275, 132), (295, 132)),
            ((335, 110), (335, 64)),
            ((295, 42), (275, 42)),
            ((195, 42), (175, 42)),
            ((100, 42), (80, 42)),
        ),
    )


def oil_circuit() -> Drawing:
    """Path of the gear oil."""
    return _diagram(
        160,
        (
            (10, 20, 95, 44, "Gearcase sump|62 litres"),
            (10, 100, 95, 44, "Gear-driven|oil pump"),
            (135, 100, 80, 44, "Oil cooler"),
            (245, 100, 80, 44, "Oil filter|OF-4"),
            (345, 100, 80, 44, "Bearings|and gears"),
            (345, 20, 80, 44, "Drain lines"),
        ),
        (
            ((57, 64), (57, 100)),
            ((105, 122), (135, 122)),
            ((215, 122), (245, 122)),
            ((325, 122), (345, 122)),
            ((385, 100), (385, 64)),
            ((345, 42), (105, 42)),
        ),
    )


def water_circuit() -> Drawing:
    """Path of the cooling water."""
    return _diagram(
        160,
        (
            (5, 58, 70, 44, "Inlet DN 50|strainer"),
            (100, 110, 85, 40, "Intercooler"),
            (100, 60, 85, 40, "Aftercooler"),
            (100, 10, 85, 40, "Oil cooler"),
            (215, 60, 80, 40, "Balancing|valve BV-2"),
            (325, 60, 95, 40, "FS-1, TT-6|outlet DN 50"),
        ),
        (
            ((75, 80), (100, 80)),
            ((75, 92), (100, 130)),
            ((75, 68), (100, 30)),
            ((185, 80), (215, 80)),
            ((185, 130), (230, 100)),
            ((185, 30), (230, 60)),
            ((295, 80), (325, 80)),
        ),
    )


def isolation_points() -> Drawing:
    """The places where energy is shut off and locked."""
    picture = Drawing(WIDTH, 180)
    box(picture, 130, 55, 170, 75, "CX-220 package", WHITE)
    for x, y, text, fill in (
        (5, 120, "Q1 main switch|electricity", PALE_AMBER),
        (5, 20, "V1 outlet valve|compressed air", PALE),
        (325, 120, "V2 water inlet|valve", PALE),
        (325, 20, "V3 water outlet|valve", PALE),
        (165, 2, "V4 vent valve|stored air", PALE_RED),
    ):
        box(picture, x, y, 100, 40, text, fill)
    arrow(picture, (105, 135), (130, 115))
    arrow(picture, (130, 70), (105, 45))
    arrow(picture, (325, 135), (300, 115))
    arrow(picture, (300, 70), (325, 45))
    arrow(picture, (215, 55), (215, 42))
    label(picture, 215, 140, "Lock Q1 first, V4 last")
    return picture


def sensor_positions() -> Drawing:
    """Where each sensor sits."""
    picture = Drawing(WIDTH, 190)
    places = (
        (15, 120, "LP airend", "TT-1", "PT-2"),
        (120, 120, "Intercooler", "TT-3", ""),
        (225, 120, "HP airend", "TT-2", ""),
        (330, 120, "Aftercooler", "TT-5", "PT-3"),
        (15, 25, "Gearcase", "TT-4", "LS-1"),
        (120, 25, "Oil filter", "PT-1", "DS-1"),
        (225, 25, "Main motor", "TW-1", "TB-1"),
        (330, 25, "Water outlet", "TT-6", "FS-1"),
    )
    for x, y, text, first, second in places:
        box(picture, x, y, 85, 30, text)
        spot(picture, x + 20, y + 46, 15, first)
        if second:
            spot(picture, x + 64, y + 46, 15, second)
    return picture


CIRCUITS: dict[str, Callable[[], Drawing]] = {
    "air-flow": air_flow,
    "oil-circuit": oil_circuit,
    "water-circuit": water_circuit,
    "isolation-points": isolation_points,
    "sensor-positions": sensor_positions,
}
