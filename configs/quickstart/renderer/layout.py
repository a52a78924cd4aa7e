"""Styles and flowables: how each block of a source looks on the page."""

from __future__ import annotations

import re
from typing import Any

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    BalancedColumns,
    CondPageBreak,
    KeepTogether,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from renderer.blocks import Block, Columns, Figure, Grid, Heading, Listing, Note, Text
from renderer.figures import drawing

TEXT_WIDTH = 156 * mm
COLUMN_GAP = 7 * mm
SHORT_TABLE = 9

INK = HexColor("#1d2733")
RULE = HexColor("#7d8a97")
SHADE = HexColor("#e9edf1")
ACCENT = HexColor("#0b4f6c")
NOTE_COLOURS: dict[str, Color] = {
    "DANGER": HexColor("#a4161a"),
    "WARNING": HexColor("#c8590b"),
    "CAUTION": HexColor("#8a6d00"),
    "NOTE": HexColor("#0b4f6c"),
}

BODY = ParagraphStyle(
    "body", fontName="Helvetica", fontSize=10.5, leading=15.2, spaceAfter=7, textColor=INK
)
ITEM = ParagraphStyle("item", parent=BODY, leftIndent=18, bulletIndent=2, spaceAfter=4.5)
CELL = ParagraphStyle("cell", parent=BODY, fontSize=9.3, leading=12.4, spaceAfter=0)
CELL_HEAD = ParagraphStyle("cellhead", parent=CELL, fontName="Helvetica-Bold", textColor=white)
CAPTION = ParagraphStyle(
    "caption", parent=BODY, fontName="Helvetica-Oblique", fontSize=9.3, leading=12, spaceAfter=5
)
HEADINGS = {
    1: ParagraphStyle(
        "h1",
        parent=BODY,
        fontName="Helvetica-Bold",
        fontSize=17,
        leading=21,
        spaceBefore=18,
        spaceAfter=9,
        textColor=ACCENT,
    ),
    2: ParagraphStyle(
        "h2",
        parent=BODY,
        fontName="Helvetica-Bold",
        fontSize=13,
        leading=17,
        spaceBefore=12,
        spaceAfter=6,
    ),
    3: ParagraphStyle(
        "h3",
        parent=BODY,
        fontName="Helvetica-Bold",
        fontSize=11,
        leading=15,
        spaceBefore=8,
        spaceAfter=4,
    ),
}

Place = tuple[int, str, int]


class HeadingParagraph(Paragraph):
    """A heading that adds itself to the outline and to the list of places when drawn."""

    def __init__(self, level: int, text: str, places: list[Place]) -> None:
        """Make a heading that reports to ``places`` when it is drawn."""
        super().__init__(inline(text), HEADINGS[level])
        self.level = level
        self.label = text
        self.places = places

    def draw(self) -> None:
        """Draw the heading and record the page it stands on."""
        canvas: Any = self.canv
        key = f"section-{len(self.places)}"
        canvas.bookmarkHorizontal(key, 0, self.height)
        canvas.addOutlineEntry(self.label, key, self.level - 1, self.level > 1)
        self.places.append((self.level, self.label, canvas.getPageNumber()))
        super().draw()


def inline(text: str) -> str:
    """Turn inline Markdown (bold and italic) into paragraph markup."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", safe)


def flowables(
    blocks: tuple[Block, ...], places: list[Place], width: float = TEXT_WIDTH
) -> list[Any]:
    """Return the flowables of the blocks in order, with headings kept to what follows."""
    story: list[Any] = []
    for index, block in enumerate(blocks):
        opens_run = index == 0 or not isinstance(blocks[index - 1], Heading)
        if isinstance(block, Heading) and opens_run:
            story.append(CondPageBreak(_needed(blocks[index:])))
        story.extend(_flowables_of(block, places, width))
    return story


def _needed(blocks: tuple[Block, ...]) -> float:
    """Return the height that a run of headings needs together with the block behind it."""
    height = 0.0
    for block in blocks:
        match block:
            case Heading(level):
                style = HEADINGS[level]
                height += style.leading + style.spaceBefore + style.spaceAfter
            case Figure(name):
                return height + float(drawing(name).height) + 30
            case Grid(rows=rows) if len(rows) <= SHORT_TABLE:
                return height + 22 * len(rows) + 40
            case Grid():
                return height + 60 * mm
            case Columns():
                return height + 80 * mm
            case _:
                return height + 18 * mm
    return height


def _flowables_of(block: Block, places: list[Place], width: float) -> list[Any]:
    match block:
        case Heading(level, text):
            return [HeadingParagraph(level, text, places)]
        case Text(text):
            return [Paragraph(inline(text), BODY)]
        case Listing():
            return _listing(block)
        case Note():
            return [_note(block, width), Spacer(1, 9)]
        case Figure(name, caption):
            picture = drawing(name)
            picture.hAlign = "CENTER"
            kept = KeepTogether([picture, Spacer(1, 4), Paragraph(caption, CAPTION)])
            return [kept, Spacer(1, 5)]
        case Grid():
            return _grid(block, width)
        case Columns(inner):
            return [_columns(inner, places, width)]


def _columns(blocks: tuple[Block, ...], places: list[Place], width: float) -> Any:
    content = flowables(blocks, places, (width - COLUMN_GAP) / 2)
    return BalancedColumns(content, nCols=2, innerPadding=COLUMN_GAP, needed=120)


def _listing(block: Listing) -> list[Any]:
    items: list[Any] = [
        Paragraph(inline(item), ITEM, bulletText=f"{number}." if block.numbered else "\u2022")
        for number, item in enumerate(block.items, 1)
    ]
    return [*items, Spacer(1, 4)]


def _note(block: Note, width: float) -> Table:
    colour = NOTE_COLOURS[block.kind]
    label = Paragraph(block.kind, CELL_HEAD)
    table = Table([[label, Paragraph(inline(block.text), CELL)]], [22 * mm, width - 22 * mm])
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (0, 0), colour),
                ("BOX", (0, 0), (-1, -1), 0.8, colour),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ]
        )
    )
    return table


def _grid(block: Grid, width: float) -> list[Any]:
    total = sum(block.shares)
    widths = [width * share / total for share in block.shares]
    cells = [
        [Paragraph(inline(cell), CELL if index else CELL_HEAD) for cell in row]
        for index, row in enumerate(block.rows)
    ]
    table = Table(cells, widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), ACCENT),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, SHADE]),
                ("GRID", (0, 0), (-1, -1), 0.4, RULE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 3.2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    caption = Paragraph(inline(block.caption), CAPTION)
    if len(cells) <= SHORT_TABLE:
        return [Spacer(1, 4), KeepTogether([caption, table]), Spacer(1, 10)]
    return [Spacer(1, 4), CondPageBreak(50 * mm), caption, table, Spacer(1, 10)]
