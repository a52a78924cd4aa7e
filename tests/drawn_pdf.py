"""PDF files drawn by a test, and what is read of them."""

from pathlib import Path

import pymupdf
import pytest

from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()
PROSE = (
    "The compressor delivers air without oil in the chamber, and both rotors turn in dry air"
    " all the time. Timing gears keep them apart, so they never touch each other. Cooling"
    " water flows through three coolers that are supplied in parallel."
)


class Sheet:
    """A page one can type on."""

    def __init__(self, document, width=595, height=842):
        self.page = document.new_page(width=width, height=height)

    def line(self, x, y, text, *, size=10.5, bold=False, font="", **more):
        name = font or ("hebo" if bold else "helv")
        self.page.insert_text((x, y), text, fontsize=size, fontname=name, **more)

    def lines(self, x, y, texts, *, step=14, **more):
        for number, text in enumerate(texts):
            self.line(x, y + number * step, text, **more)
        return y + len(texts) * step

    def prose(self, x, y, text, *, width=450, size=10.5, step=14):
        """Wrapped text; returns the height of the next line."""
        row = ""
        for word in text.split():
            if pymupdf.get_text_length(f"{row} {word}", "helv", size) > width:
                self.line(x, y, row, size=size)
                row, y = "", y + step
            row = f"{row} {word}".strip()
        self.line(x, y, row, size=size)
        return y + step

    def grid(self, x, y, rows, *, widths=(90, 120, 150), step=18):
        """A ruled table with a shaded header row."""
        edges = [x]
        for width in widths[: len(rows[0])]:
            edges.append(edges[-1] + width)
        self.page.draw_rect((x, y, edges[-1], y + step), color=None, fill=(0.1, 0.2, 0.4))
        for number in range(len(rows) + 1):
            height = y + number * step
            self.page.draw_line((x, height), (edges[-1], height))
        for edge in edges:
            self.page.draw_line((edge, y), (edge, y + len(rows) * step))
        for number, row in enumerate(rows):
            colour = (1, 1, 1) if number == 0 else (0, 0, 0)
            for edge, cell in zip(edges, row, strict=False):
                if cell:
                    self.line(edge + 4, y + number * step + 13, cell, size=9, color=colour)
        return y + len(rows) * step


@pytest.fixture
def pdf():
    with pymupdf.open() as document:
        yield document


def read(document, options=OPTIONS, **save):
    return parse(document.tobytes(**save), "manual.pdf", options)


def blocks(parsed, page=1):
    found = parsed.pages[page - 1]
    return [(b.kind, b.level, found.text[b.start : b.end]) for b in found.blocks]


def texts(parsed, page=1):
    return [text for _, _, text in blocks(parsed, page)]


def assert_boxes(page):
    """Every visible character lies in a line, and every line's box on the page."""
    covered = set()
    for line in page.lines:
        assert 0 <= line.start < line.end <= len(page.text)
        assert -1 <= line.x0 < line.x1 <= page.width + 1
        assert -1 <= line.y0 < line.y1 <= page.height + 1
        covered.update(range(line.start, line.end))
    assert all(i in covered for i, char in enumerate(page.text) if not char.isspace())


QUICKSTART = sorted(Path(__file__).parents[1].glob("configs/quickstart/documents/*.pdf"))


def with_running_lines(document, pages=6):
    for number in range(1, pages + 1):
        sheet = Sheet(document)
        sheet.line(72, 40, "Aldervane CX-220", size=8)
        sheet.line(460, 40, "Operator Manual", size=8)
        sheet.line(72, 810, "edition 4", size=8)
        sheet.line(480, 810, f"Page {number} of {pages}", size=8)
        sheet.prose(72, 100, f"Body of page number {number * 7}. " + PROSE)
