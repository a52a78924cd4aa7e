"""Documents of a scripted device: drawn pages, where their lines stand, and pictures of them."""

from dataclasses import dataclass, field
from functools import cache

import pymupdf

WIDTH, HEIGHT = 595, 842
MAINTENANCE = (
    (
        "2 Maintenance schedule",
        "An interval is given in operating hours and in months, and whichever ends first",
        "decides. The hours are counted while the motor turns, loaded or not.",
        "The intervals hold for clean ambient air and for a load of up to 90 percent.",
        "In foundries, cement works and woodworking plants they are halved.",
    ),
    (
        "3 Oil",
        "The gear oil is changed every 8,000 hours or every 24 months.",
        "The first oil change is due after 500 hours, together with the oil filter.",
        "Use Gearlube 46S only. Other oils attack the seals of the airends.",
        "Warm oil runs out faster: drain it within ten minutes of stopping the motor.",
    ),
    (
        "4 Filters",
        "Replace the intake cartridge IF-21 and the mat PF-2 every 4,000 hours.",
        "The noise level with the doors closed is 74 dB(A), measured at one metre.",
    ),
)
SAFETY = (
    (
        "4.2 Full isolation",
        "Lock the main switch in the off position and keep the key with you.",
        "Close the discharge valve and wait until the gauge shows no pressure.",
        "Nobody but the person who set a lock may take it away \U0001f512 again.",
        "A lock that was forgotten is opened by the shift leader, never by force.",
    ),
)


@dataclass
class Sheet:
    """One page: its text, the box of each line, and its drawing."""

    text: str
    lines: list
    drawing: bytes

    def picture(self, width):
        with pymupdf.open(stream=self.drawing) as document:
            return document[0].get_pixmap(dpi=round(72 * width / WIDTH)).tobytes("png")

    def place(self, quote):
        """Boxes around a quote, which stands in one line."""
        at = self.text.index(quote)
        for start, end, x0, y0, x1, y1 in self.lines:
            if start <= at < end:
                per = (x1 - x0) / (end - start)
                return [x0 + per * (at - start), y0, x0 + per * (at + len(quote) - start), y1]
        raise AssertionError(quote)


@dataclass
class Paper:
    """A document of the device."""

    id: str
    name: str
    title: str
    sheets: list
    collection: str = ""
    access: list = field(default_factory=list)
    origin: str = "bundle"
    size: int = 0
    pictures: bool = True

    def to_json(self):
        return {
            "id": self.id, "name": self.name, "title": self.title, "pages": len(self.sheets),
            "chunks": 9 * len(self.sheets), "collection": self.collection, "access": self.access,
            "origin": self.origin, "bytes": self.size, "added": 1771000000.0,
            "has_file": self.origin == "device",
        }  # fmt: skip

    def citation(self, number, page, quote, **more):
        x0, y0, x1, y1 = self.sheets[page - 1].place(quote)
        box = {"page": page, "x0": x0, "y0": y0, "x1": x1, "y1": y1}
        return {
            "number": number, "document": self.name, "document_id": self.id, "title": self.title,
            "page": page, "chunk_id": f"{self.id}-{number}", "quote": quote, "verified": True,
            "corrected": False, "boxes": [{**box, "page_width": WIDTH, "page_height": HEIGHT}],
        } | more  # fmt: skip


@cache
def drawn(texts):
    """A page with a heading and lines of prose."""
    with pymupdf.open() as document:
        page = document.new_page(width=WIDTH, height=HEIGHT)
        lines, start = [], 0
        for row, text in enumerate(texts):
            size, y = (18, 110) if row == 0 else (12, 130 + 22 * row)
            page.insert_text(
                (64, y), text, fontsize=size, fontname="hebo" if row == 0 else "helv"
            )
            wide = pymupdf.get_text_length(text, "hebo" if row == 0 else "helv", size)
            lines.append(
                [start, start + len(text), 64, y - size * 0.85, 64 + wide, y + size * 0.25]
            )
            start += len(text) + 1
        return Sheet("\n".join(texts), lines, document.tobytes())


def papers():
    """What a device has at first; the safety manual is for one group and has no pictures."""
    maintenance = [drawn(texts) for texts in MAINTENANCE]
    safety = [drawn(texts) for texts in SAFETY]
    return [
        Paper("maint", "maintenance-handbook.pdf", "Maintenance Handbook", maintenance, "CX-220"),
        Paper(
            "safety", "safety-manual.docx", "Safety Manual", safety, "Safety", ["safety team"],
            origin="device", size=184_320, pictures=False,
        ),
    ]  # fmt: skip


def read_in(identity, name, size):
    """A document that was uploaded."""
    return Paper(identity, name, "", [drawn(MAINTENANCE[0])], origin="device", size=size)
