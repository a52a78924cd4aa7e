"""Builds one manual: title block, contents, running header and footer, repeatable bytes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from renderer.blocks import Source, parse_source
from renderer.layout import ACCENT, BODY, CELL, INK, RULE, TEXT_WIDTH, Place, flowables, inline

MAX_PASSES = 6
LEFT = 29 * mm
TOP = 27 * mm
BOTTOM = 25 * mm

TITLE = ParagraphStyle(
    "title", parent=BODY, fontName="Helvetica-Bold", fontSize=23, leading=28, textColor=ACCENT
)
SUBTITLE = ParagraphStyle("subtitle", parent=BODY, fontSize=13, leading=17, spaceAfter=8)
CONTENTS = ParagraphStyle(
    "contents", parent=BODY, fontName="Helvetica-Bold", fontSize=14, leading=18
)
ENTRY_HEAD = ParagraphStyle(
    "entryhead", parent=CELL, fontName="Helvetica-Bold", fontSize=8.7, leading=10.1
)
ENTRY = ParagraphStyle("entry", parent=CELL, fontSize=8.7, leading=10.1, leftIndent=14)


def render_source(text: str) -> bytes:
    """Render one source to PDF bytes; the same text always gives the same bytes."""
    source = parse_source(text)
    places: list[Place] = []
    pages = 0
    data = b""
    for _ in range(MAX_PASSES):
        data, found, count = _one_pass(source, places, pages)
        if (found, count) == (places, pages):
            return data
        places, pages = found, count
    raise RuntimeError(f"the page numbers of {source.meta['title']} do not settle")


def _one_pass(source: Source, known: list[Place], pages: int) -> tuple[bytes, list[Place], int]:
    buffer = BytesIO()
    meta = source.meta
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=meta["title"],
        author=meta["maker"],
        subject=meta["subject"],
        creator=meta["number"],
        lang="en-GB",
        invariant=1,
        pageCompression=0,
    )
    frame = Frame(LEFT, BOTTOM, TEXT_WIDTH, A4[1] - TOP - BOTTOM, 0, 0, 0, 0, id="body")

    def decorate(canvas: Any, _: Any) -> None:
        _running_lines(canvas, meta, pages)

    document.addPageTemplates([PageTemplate("page", [frame], onPage=decorate)])
    found: list[Place] = []
    document.build([*_front(meta, known), *flowables(source.blocks, found)])
    return buffer.getvalue(), found, document.page


def _running_lines(canvas: Any, meta: dict[str, str], pages: int) -> None:
    right = LEFT + TEXT_WIDTH
    top = A4[1] - 17 * mm
    canvas.saveState()
    canvas.setFillColor(INK)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawString(LEFT, top, f"{meta['maker']} {meta['product']}")
    canvas.drawRightString(right, top, meta["title"])
    canvas.line(LEFT, top - 5, right, top - 5)
    canvas.line(LEFT, 18 * mm, right, 18 * mm)
    canvas.drawString(LEFT, 13 * mm, f"{meta['number']}, {meta['edition']}")
    canvas.drawRightString(right, 13 * mm, f"Page {canvas.getPageNumber()} of {pages}")
    canvas.restoreState()


def _front(meta: dict[str, str], places: list[Place]) -> list[Any]:
    story: list[Any] = [
        Paragraph(inline(meta["title"]), TITLE),
        Paragraph(inline(f"{meta['maker']} {meta['product']}, {meta['kind']}"), SUBTITLE),
        Paragraph(inline(meta["scope"]), BODY),
        Spacer(1, 6),
        Paragraph("Contents", CONTENTS),
    ]
    rows = [
        [Paragraph(inline(label), ENTRY_HEAD if level == 1 else ENTRY), str(page)]
        for level, label, page in places
        if level < 3
    ]
    if rows:
        table = Table(rows, [TEXT_WIDTH - 14 * mm, 14 * mm])
        table.setStyle(
            TableStyle(
                [
                    ("ALIGN", (1, 0), (1, -1), "RIGHT"),
                    ("FONT", (1, 0), (1, -1), "Helvetica", 8.7, 10.1),
                    ("TOPPADDING", (0, 0), (-1, -1), 0),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 0.2),
                    ("LEFTPADDING", (0, 0), (0, -1), 0),
                ]
            )
        )
        story.append(table)
    return [*story, PageBreak()]
