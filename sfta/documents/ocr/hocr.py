"""Reads hOCR, the form in which Tesseract says where it saw which words.

Chosen over its TSV: hOCR also says the baseline, its slope and the size of the letters, from
which paragraphs and headings are told.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from sfta_edge.errors import ToolError

_LINES = frozenset({"ocr_line", "ocr_header", "ocr_caption", "ocr_textfloat"})
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_BOX = re.compile(r"bbox (\d+) (\d+) (\d+) (\d+)")
_BASELINE = re.compile(rf"baseline {_NUMBER} {_NUMBER}")
_SIZE = re.compile(rf"x_size {_NUMBER}")
_CONFIDENCE = re.compile(rf"x_wconf {_NUMBER}")
_ANGLE = re.compile(rf"textangle {_NUMBER}")
_LEAST_LETTERS = 3
# XML 1.0 has no place for them, and a misread letter can be one.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class SeenWord:
    """A word, its box in pixels, and how sure the engine is, 0 to 100."""

    text: str
    box: tuple[int, int, int, int]
    confidence: float


@dataclass(frozen=True, slots=True)
class SeenLine:
    """Words on one baseline, from left to right."""

    words: tuple[SeenWord, ...]
    slope: float
    """Pixels down per pixel to the right."""
    baseline: float
    """Height of the baseline in the middle of the line, pixels from the top."""
    size: float
    """Of the letters, with what stands above and below, in pixels."""
    upright: bool


def read_hocr(text: str) -> list[SeenLine]:
    """Lines in the engine's reading order; words without a visible character are left out.

    Raises:
        ToolError: it is no hOCR.
    """
    try:
        root = ET.fromstring(_CONTROL.sub("", text))  # noqa: S314 our own tool wrote it
    except ET.ParseError as error:
        raise ToolError(f"tesseract did not answer in hOCR: {error}") from error
    found = (_line(node) for node in root.iter() if node.get("class") in _LINES)
    return [line for line in found if line.words]


def _line(node: ET.Element) -> SeenLine:
    title = node.get("title", "")
    x0, _, x1, bottom = _box(title)
    slope, offset = _pair(_BASELINE.search(title))
    words = tuple(_words(node))
    # A line that runs up or down does not always say its angle.
    upright = _ANGLE.search(title) is None and not _climbs(words)
    size = _SIZE.search(title)
    return SeenLine(
        words,
        slope,
        bottom + offset + slope * (x1 - x0) / 2 if upright else bottom,
        float(size[1]) if size else 0.0,
        upright,
    )


def _climbs(words: Sequence[SeenWord]) -> bool:
    """Whether the words stand one above the other, or a single one is taller than wide."""
    if not words:
        return False
    first, last = words[0].box, words[-1].box
    if len(words) > 1:
        across = abs(first[0] + first[2] - last[0] - last[2])
        return abs(first[1] + first[3] - last[1] - last[3]) > across
    tall = first[3] - first[1] > first[2] - first[0]
    return tall and len(words[0].text) >= _LEAST_LETTERS


def _words(node: ET.Element) -> Iterator[SeenWord]:
    for child in node.iter():
        text = "".join(child.itertext()).strip()
        if child.get("class") != "ocrx_word" or not text:
            continue
        title = child.get("title", "")
        confidence = _CONFIDENCE.search(title)
        yield SeenWord(text, _box(title), float(confidence[1]) if confidence else 0.0)


def _box(title: str) -> tuple[int, int, int, int]:
    match = _BOX.search(title)
    if not match:
        raise ToolError("tesseract did not say where a word stands")
    x0, y0, x1, y1 = (int(value) for value in match.groups())
    return x0, y0, x1, y1


def _pair(match: re.Match[str] | None) -> tuple[float, float]:
    return (float(match[1]), float(match[2])) if match else (0.0, 0.0)
