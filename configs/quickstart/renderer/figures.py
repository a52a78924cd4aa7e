"""The drawings of the manuals, each looked up by the name its source uses."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

from reportlab.graphics.shapes import Drawing

from renderer.circuits import CIRCUITS
from renderer.shapes import (
    AMBER,
    GREEN,
    GRID,
    PALE,
    PALE_AMBER,
    PALE_RED,
    RED,
    WHITE,
    arrow,
    axes,
    box,
    label,
    line,
    spot,
    trace,
)

WIDTH = 430


def drawing(name: str) -> Drawing:
    """Return the drawing with this name."""
    painter = {**PAINTERS, **CIRCUITS}.get(name)
    if painter is None:
        raise KeyError(f"no figure is called {name}")
    return painter()


def front_panel() -> Drawing:
    """Front panel of the controller with its keys."""
    picture = Drawing(WIDTH, 190)
    box(picture, 10, 10, 410, 170, "", WHITE)
    box(picture, 30, 50, 210, 115, "Touch display (1)")
    for index, (text, fill) in enumerate((("START", GREEN), ("STOP", RED), ("RESET", AMBER))):
        x = 275 + index * 52
        spot(picture, x, 140, 17, "", fill)
        label(picture, x, 110, text)
        label(picture, x, 99, f"({index + 2})")
    for index, text in enumerate(("Running", "Warning", "Trip", "Service")):
        spot(picture, 50 + index * 52, 32, 5, "")
        label(picture, 59 + index * 52, 29, text, 8, "start")
    spot(picture, 300, 55, 24, "", RED)
    label(picture, 300, 18, "Emergency stop (5)")
    box(picture, 352, 45, 46, 18, "USB (6)")
    label(picture, 264, 29, "(7)")
    return picture


def pressure_band() -> Drawing:
    """Network pressure over time between the load and unload points."""
    picture = Drawing(WIDTH, 185)
    axes(picture, (60, 40), (350, 120), ("Time", "Network pressure, bar"))
    for height, text in ((130, "7.5 unload"), (75, "6.8 load")):
        line(picture, (60, height), (400, height), GRID)
        label(picture, 398, height + 4, text, 8, "end")
    trace(
        picture, [(60, 50), (110, 130), (160, 75), (205, 130), (255, 75), (300, 130), (330, 97)]
    )
    label(picture, 82, 27, "Loaded", 8)
    label(picture, 135, 27, "Unloaded", 8)
    label(picture, 182, 27, "Loaded", 8)
    return picture


def delivery_curve() -> Drawing:
    """Free air delivery against working pressure."""
    picture = Drawing(WIDTH, 190)
    axes(
        picture,
        (60, 40),
        (350, 125),
        ("Working pressure, bar", "Free air delivery, m\u00b3/min"),
    )
    points = [(7.0, 37.4), (7.5, 36.9), (8.0, 36.1), (8.6, 35.2)]
    spots = [(100 + (p - 7.0) * 160, 55 + (q - 35.0) * 38) for p, q in points]
    trace(picture, spots)
    for (x, y), (pressure, flow) in zip(spots, points, strict=True):
        line(picture, (x, 40), (x, y), GRID)
        spot(picture, x, y, 2.5, "")
        label(picture, x, 28, f"{pressure}", 8)
        label(picture, x + 14, y + 6, f"{flow}", 8)
    return picture


def cover_sequence() -> Drawing:
    """Tightening order of the sixteen cover bolts, first cross-wise."""
    picture = Drawing(WIDTH, 200)
    order = (1, 9, 5, 13, 3, 11, 7, 15, 2, 10, 6, 14, 4, 12, 8, 16)
    spot(picture, 215, 100, 92, "", PALE)
    for index, number in enumerate(order):
        angle = pi / 2 - index * pi / 8
        spot(picture, 215 + 76 * cos(angle), 100 + 76 * sin(angle), 10, str(number))
    label(picture, 215, 103, "Intercooler cover")
    label(picture, 215, 91, "start at bolt 1")
    return picture


def coupling_gap() -> Drawing:
    """Side view of the coupling hubs with the gap and the two readings."""
    picture = Drawing(WIDTH, 150)
    box(picture, 20, 62, 90, 30, "Motor shaft")
    box(picture, 110, 37, 85, 80, "Motor hub")
    box(picture, 225, 37, 85, 80, "Gear hub")
    box(picture, 310, 62, 95, 30, "Bull gear shaft")
    line(picture, (195, 117), (195, 135))
    line(picture, (225, 117), (225, 135))
    label(picture, 210, 139, "Gap S")
    arrow(picture, (160, 18), (160, 37))
    arrow(picture, (260, 18), (260, 37))
    label(picture, 160, 8, "Dial A: parallel")
    label(picture, 262, 8, "Dial B: angular")
    return picture


def hazard_zones() -> Drawing:
    """Plan of the package with the hazard zones."""
    picture = Drawing(WIDTH, 190)
    box(picture, 10, 10, 410, 170, "", WHITE)
    label(picture, 215, 166, "Zone C: compressor room, hearing and slip hazards")
    box(picture, 50, 30, 330, 125, "", PALE)
    label(picture, 215, 140, "Zone B: 1 m around an open package")
    box(picture, 80, 45, 90, 82, "Electrical|cubicle", PALE_AMBER)
    box(picture, 175, 45, 75, 82, "Motor and|coupling", PALE_AMBER)
    box(picture, 255, 45, 95, 82, "Airends and|hot pipes", PALE_RED)
    label(picture, 215, 34, "Zone A: inside the panels", 8)
    return picture


def floor_plan() -> Drawing:
    """Clearances to keep free around the package."""
    picture = Drawing(WIDTH, 200)
    box(picture, 10, 8, 410, 184, "", WHITE)
    box(picture, 105, 62, 220, 76, "CX-220|3,150 mm x 1,850 mm")
    arrow(picture, (215, 62), (215, 8))
    label(picture, 221, 32, "Front 1,200 mm", anchor="start")
    arrow(picture, (215, 138), (215, 192))
    label(picture, 221, 162, "Rear 1,000 mm", anchor="start")
    arrow(picture, (105, 100), (10, 100))
    label(picture, 57, 106, "Left 900 mm")
    arrow(picture, (325, 100), (420, 100))
    label(picture, 372, 106, "Right 1,100 mm")
    return picture


def code_structure() -> Drawing:
    """How a code is built from its letter and its number."""
    picture = Drawing(WIDTH, 130)
    for index, (top, text) in enumerate(
        (("E", "Class|E, W or S"), ("1", "Class as|a digit"), ("14", "Number|in class"))
    ):
        x = 75 + index * 105
        box(picture, x, 75, 70, 42, top, WHITE)
        arrow(picture, (x + 35, 75), (x + 35, 52))
        box(picture, x, 16, 70, 36, text)
    return picture


def decision_tree() -> Drawing:
    """First questions to ask after a high temperature code."""
    picture = Drawing(WIDTH, 205)
    box(picture, 145, 165, 140, 34, "Water outlet|above 48 \u00b0C?", WHITE)
    box(picture, 20, 100, 150, 36, "Yes: check flow|and inlet temperature")
    box(picture, 260, 100, 150, 36, "No: intake filter|above 45 mbar?", WHITE)
    box(picture, 170, 25, 120, 38, "Yes: replace|cartridge IF-21")
    box(picture, 305, 25, 120, 38, "No: clean cooler,|then test sensor")
    arrow(picture, (170, 165), (95, 136))
    arrow(picture, (260, 165), (335, 136))
    arrow(picture, (310, 100), (230, 63))
    arrow(picture, (355, 100), (365, 63))
    return picture


PAINTERS: dict[str, Callable[[], Drawing]] = {
    "front-panel": front_panel,
    "pressure-band": pressure_band,
    "delivery-curve": delivery_curve,
    "cover-sequence": cover_sequence,
    "coupling-gap": coupling_gap,
    "hazard-zones": hazard_zones,
    "floor-plan": floor_plan,
    "code-structure": code_structure,
    "decision-tree": decision_tree,
}
