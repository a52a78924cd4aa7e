"""The printed words of a PDF page, found by PDFium: the only contact with its text model.

PDFium hands characters over in the order of the file, with spaces and line ends of its own
between them. A line here is a run of characters on one baseline; what belongs together on the
page is found out later, by place.
"""

import ctypes
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from sfta_edge.documents.document import Box, UnreadableError
from sfta_edge.documents.pdf.frame import Frame, Point
from sfta_edge.documents.pdf.hidden import Hidden
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine
from sfta_edge.documents.pdf.words import BOLD, MONOSPACED, words_of
from sfta_edge.documents.spelling import tricks

_UPRIGHT = 0.9
_TURNS = {(1, 0): 0, (0, 1): 270, (-1, 0): 180, (0, -1): 90}
_SAME_BASELINE = 0.45
"""Of the font size: raised and lowered signs still belong to their line."""
_BACK_EMS = 1.0
"""A line whose next character stands this far before the last one has ended."""
_BOLD_WEIGHT = 600
_FIXED_PITCH = 1  # of the font flags in PDF 32000-1, table 123
_FORCE_BOLD = 1 << 18
_NAME_BYTES = 256
_HYPHENS = frozenset((0x02, 0xFFFE))  # what PDFium writes for a hyphen at a line's end
_INVISIBLE = 3
_LINE_ENDS = frozenset("\r\n")


@dataclass(frozen=True, slots=True)
class _Glyph:
    """One character as PDFium gives it, in the PDF's coordinates."""

    text: str
    box: Box
    """Left, bottom, right, top."""
    origin: Point
    direction: Point
    size: float
    font: str
    flags: int
    color: int
    alpha: int
    generated: bool


def read_page(
    text_page: Any, frame: Frame, hidden: Hidden | None, *, number: int, most_characters: int
) -> PrintedPage:
    """Words and lines of a page; most of its text is upright in them.

    Raises:
        UnreadableError: the page holds more than `most_characters`.
    """
    count = pdfium.FPDFText_CountChars(text_page)
    if count > most_characters:
        raise UnreadableError(
            "too_large",
            f"page {number} holds more text than ingest.limits.page_characters allows",
        )
    glyphs = [glyph for glyph in _glyphs(text_page, max(count, 0)) if _is_on(glyph, frame)]
    width, height = frame.size
    turn = _turn(glyphs, frame)
    printed = PrintedPage(width, height, turn, [])
    shown, frame = frame, frame.turned(turn) if turn else frame
    for line in _lines(glyphs, frame):
        spans = _spans(line, frame)
        kept = [span for span in spans if not (hidden and hidden.holds(_placed(span, shown)))]
        printed.counts["hidden_spans"] += len(spans) - len(kept)
        words = tuple(words_of(kept, printed.counts))
        if words:
            upright = _unit(frame.direction(*line[0].direction))[0] > _UPRIGHT
            (printed.lines if upright else printed.sideways).append(TextLine(words))
    if printed.counts["hidden_spans"]:
        printed.flags.append("hidden_text")
    if printed.counts["invisible_characters"]:
        printed.flags += tricks("".join(glyph.text for glyph in glyphs))
    return printed


def _glyphs(text_page: Any, count: int) -> Iterator[_Glyph]:
    box, matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    x, y = ctypes.c_double(), ctypes.c_double()
    colour = [ctypes.c_uint() for _ in range(4)]
    name, flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()
    high = 0
    for at in range(count):
        code = pdfium.FPDFText_GetUnicode(text_page, at)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        text, high = _letter(code, high), 0
        generated = pdfium.FPDFText_IsGenerated(text_page, at) == 1
        pdfium.FPDFText_GetLooseCharBox(text_page, at, box)
        pdfium.FPDFText_GetCharOrigin(text_page, at, x, y)
        pdfium.FPDFText_GetMatrix(text_page, at, matrix)
        name.value = b""
        pdfium.FPDFText_GetFontInfo(text_page, at, name, _NAME_BYTES, flags)
        pdfium.FPDFText_GetFillColor(text_page, at, *colour)
        red, green, blue, alpha = (part.value for part in colour)
        if _is_invisible(text_page, at):
            alpha = 0
        weight = pdfium.FPDFText_GetFontWeight(text_page, at)
        bold = bool(flags.value & _FORCE_BOLD) or weight >= _BOLD_WEIGHT
        yield _Glyph(
            text,
            (box.left, box.bottom, box.right, box.top),
            (x.value, y.value),
            (matrix.a, matrix.b),
            pdfium.FPDFText_GetFontSize(text_page, at) * math.hypot(matrix.c, matrix.d),
            name.value.decode("utf-8", "replace"),
            BOLD * bold + MONOSPACED * bool(flags.value & _FIXED_PITCH),
            red << 16 | green << 8 | blue,
            alpha,
            generated,
        )


def _letter(code: int, high: int) -> str:
    if high and 0xDC00 <= code < 0xE000:
        return chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00))
    if code in _HYPHENS:
        return "-"
    if code == 0 or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return "\ufffd"
    return chr(code)


def _is_invisible(text_page: Any, at: int) -> bool:
    printed = pdfium.FPDFText_GetTextObject(text_page, at)
    return bool(printed) and pdfium.FPDFTextObj_GetTextRenderMode(printed) == _INVISIBLE


def _is_on(glyph: _Glyph, frame: Frame) -> bool:
    """Whether a viewer shows the place; PDFium's own spaces have none."""
    x0, y0, x1, y1 = frame.box(*glyph.box)
    width, height = frame.size
    return glyph.generated or (0 <= (x0 + x1) / 2 <= width and 0 <= (y0 + y1) / 2 <= height)


def _turn(glyphs: Sequence[_Glyph], frame: Frame) -> int:
    """Degrees that bring most of the text upright."""
    weight: Counter[int] = Counter()
    for glyph in glyphs:
        if not glyph.generated:
            x, y = _unit(frame.direction(*glyph.direction))
            weight[_TURNS.get((round(x), round(y)), 0)] += 1
    return weight.most_common(1)[0][0] if weight else 0


def _lines(glyphs: Sequence[_Glyph], frame: Frame) -> Iterator[list[_Glyph]]:
    """Runs of characters on one baseline, in one direction."""
    line: list[_Glyph] = []
    for glyph in glyphs:
        if glyph.text in _LINE_ENDS or (line and not _goes_on(line[-1], glyph, frame)):
            if line:
                yield line
            line = []
        # A space of PDFium's own has no place; at the beginning of a line it means nothing.
        if glyph.text not in _LINE_ENDS and (line or not glyph.generated):
            line.append(glyph)
    if line:
        yield line


def _goes_on(last: _Glyph, glyph: _Glyph, frame: Frame) -> bool:
    if glyph.generated or last.generated:
        return True
    ax, ay = _unit(frame.direction(*last.direction))
    bx, by = _unit(frame.direction(*glyph.direction))
    if ax * bx + ay * by < _UPRIGHT:
        return False
    (x0, y0), (x1, y1) = frame.point(*last.origin), frame.point(*glyph.origin)
    along = (x1 - x0) * ax + (y1 - y0) * ay
    across = abs((y1 - y0) * ax - (x1 - x0) * ay)
    size = max(last.size, glyph.size, 0.1)
    return across <= _SAME_BASELINE * size and along > -_BACK_EMS * size


def _spans(line: Sequence[_Glyph], frame: Frame) -> list[dict[str, Any]]:
    """Stretches of a line in one font, as `words_of` reads them."""
    spans: list[dict[str, Any]] = []
    style: Any = None
    for glyph in line:
        looks = (glyph.font, round(glyph.size, 1), glyph.flags, glyph.color, glyph.alpha)
        if spans and (glyph.generated or looks == style):
            _append(spans[-1], glyph, frame)
            continue
        style = looks
        spans.append(
            {
                "font": glyph.font,
                "size": glyph.size,
                "flags": glyph.flags,
                "color": glyph.color,
                "alpha": glyph.alpha,
                "origin": frame.point(*glyph.origin),
                "bbox": glyph.box,
                "chars": [],
            }
        )
        _append(spans[-1], glyph, frame)
    return spans


def _append(span: dict[str, Any], glyph: _Glyph, frame: Frame) -> None:
    place = {"bbox": frame.box(*glyph.box), "origin": frame.point(*glyph.origin)}
    span["chars"].append({"c": glyph.text, **place})
    if not glyph.generated:
        a, b = span["bbox"], glyph.box
        span["bbox"] = min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _placed(span: dict[str, Any], shown: Frame) -> dict[str, Any]:
    """The span with its box on the page as shown, where pictures and fills are known."""
    return {**span, "bbox": shown.box(*span["bbox"])}


def _unit(direction: Point) -> Point:
    length = math.hypot(*direction)
    return (direction[0] / length, direction[1] / length) if length else (1.0, 0.0)
