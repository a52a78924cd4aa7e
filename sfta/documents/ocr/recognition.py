"""From the picture of a page to printed lines: turned upright, set straight, read.

The working page of a picture is the picture as it was read: upright and straight. Its words
find their way back to the page as shown by `PrintedPage.shown`.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from PIL import Image

from sfta.documents.document import UnreadableError
from sfta.documents.ocr.hocr import SeenLine, SeenWord, read_hocr
from sfta.documents.ocr.setting import LOW_CONFIDENCE, Ocr
from sfta.documents.ocr.tesseract import (
    ORIENTATION,
    PageTimeoutError,
    answer_key,
    run_tesseract,
)
from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word
from sfta.documents.spelling import clean
from sfta_edge.errors import ToolError
from sfta_edge.manifest import write_durably

_SURE = 80.0
"""A page that was read with less confidence may lie on its side."""
_LEAST_TURN_CONFIDENCE = 2.0
_LEAST_SLOPE = 0.008
_MOST_SLOPE = 0.27
_LEAST_LINES = 3
_NEARLY = 0.95
"""Upright and straight lines are worth a few letters: order and boxes come from them."""
_SAME_SIZE = 0.25
_BULLETS = frozenset("¢©®°*»•")
"""What Tesseract reads for a printed dot, alone at the beginning of a line."""
_ROTATE = re.compile(r"Rotate: (\d+)")
_ROTATE_CONFIDENCE = re.compile(r"Orientation confidence: (\d+(?:\.\d+)?)")
# Pillow turns against the clock.
_TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


Placed = tuple[SeenLine, TextLine]
"""A line as the engine saw it, and as it stands on the page."""


class UnseenError(UnreadableError):
    """One page, and not its file, could not be read; the code and the text say why."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One way of reading a page."""

    lines: list[SeenLine]
    turn: int = 0
    tilt: float = 0.0

    @property
    def confidence(self) -> float:
        """Mean over the letters, 0 to 100; 0 without a word."""
        words = [word for line in self.lines for word in line.words]
        letters = sum(len(word.text) for word in words)
        return sum(w.confidence * len(w.text) for w in words) / letters if letters else 0.0

    @property
    def score(self) -> float:
        """Confident letters: what makes one way of reading better than another."""
        words = [word for line in self.lines for word in line.words]
        return sum(word.confidence * len(word.text) for word in words)

    @property
    def side(self) -> int:
        """Degrees with the clock that bring most lines upright where they run up or down."""
        turns: Counter[int] = Counter()
        for line in self.lines:
            down = line.words[-1].box[1] > line.words[0].box[1]
            turn = 0 if line.upright else (270 if down else 90)
            turns[turn] += sum(len(word.text) for word in line.words)
        return turns.most_common(1)[0][0] if turns else 0

    @property
    def slope(self) -> float:
        """Usual slope of the lines."""
        slopes = [line.slope for line in self.lines if line.upright and len(line.words) > 2]
        return median(slopes) if len(slopes) >= _LEAST_LINES else 0.0


class _Reader:
    """Runs the engine on one page until its time is over."""

    def __init__(self, dpi: int, ocr: Ocr) -> None:
        self._dpi, self._ocr = dpi, ocr
        self._before = _spent()

    def text(self, image: Image.Image) -> list[SeenLine]:
        """The lines that are seen as the picture lies."""
        return read_hocr(self._run(image, "text"))

    def turn(self, image: Image.Image) -> int:
        """Degrees with the clock that bring the page upright; 0 where that is not sure."""
        if f" {ORIENTATION} " not in self._ocr.engine:
            return 0
        try:
            said = self._run(image, "orientation")
        except PageTimeoutError:
            raise
        except ToolError:  # too few letters to tell
            return 0
        turn, sure = _ROTATE.search(said), _ROTATE_CONFIDENCE.search(said)
        if not turn or not sure or float(sure[1]) < _LEAST_TURN_CONFIDENCE:
            return 0
        return int(turn[1]) % 360

    def _run(self, image: Image.Image, mode: str) -> str:
        ocr, kept = self._ocr, None
        if ocr.kept:
            kept = Path(ocr.kept) / answer_key(image, self._dpi, ocr.languages, mode)
            if kept.exists():
                return kept.read_text(encoding="utf-8")
        left = ocr.page_seconds - (_spent() - self._before)
        said = run_tesseract(image, self._dpi, ocr.languages, mode, left)
        if kept:
            write_durably(kept, said.encode())
        return said


def read_picture(
    image: Image.Image, dpi: float, ocr: Ocr, size: tuple[float, float]
) -> PrintedPage:
    """The lines of a page.

    Args:
        image: the page as shown, of mode `L`.
        dpi: its pixels per inch.
        ocr: languages, time, and what confidence is enough.
        size: width and height of the page as shown, in points.

    Raises:
        UnseenError: the engine saw no text, took too long or ended with an error.
    """
    _beat(ocr)
    try:
        seen = _best(image, _Reader(round(dpi), ocr))
    except PageTimeoutError:
        limit = f"OCR took longer than ingest.ocr.page_seconds = {ocr.page_seconds}"
        raise UnseenError("timeout", limit) from None
    except ToolError as error:
        raise UnseenError("crashed", str(error)) from None
    printed = PrintedPage(*size, seen.turn, [], tilt=seen.tilt)
    for line, text_line in _with_bullets(_text_lines(seen.lines, 72 / dpi)):
        (printed.lines if line.upright else printed.sideways).append(text_line)
    letters = sum(len(w.text) for i in (*printed.lines, *printed.sideways) for w in i.words)
    if not letters:
        raise UnseenError("no_text", "OCR found no text on it")
    printed.counts["characters"] = letters
    printed.counts["ocr_pages"] = 1
    printed.confidence = round(seen.confidence, 1)
    if printed.confidence < ocr.least_confidence:
        printed.flags.append(LOW_CONFIDENCE)
        printed.counts["ocr_pages_low_confidence"] = 1
    return printed


def _best(image: Image.Image, reader: _Reader) -> _Seen:
    """As it lies; turned if that reads badly; set straight if its lines are not level."""
    seen = _Seen(reader.text(image))
    # Lines that were read badly say nothing about the side that is up.
    turn = (reader.turn(image) if seen.confidence < _SURE else 0) or seen.side
    if turn:
        turned = image.transpose(_TURNS[turn])
        again = _Seen(reader.text(turned), turn)
        if again.score > seen.score * (_NEARLY if seen.side else 1.0):
            image, seen = turned, again
    if _LEAST_SLOPE <= abs(seen.slope) <= _MOST_SLOPE:
        tilt = math.degrees(math.atan(seen.slope))
        level = image.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=255)
        again = _Seen(reader.text(level), seen.turn, tilt)
        if again.score > seen.score * _NEARLY:
            seen = again
    return seen


def _text_lines(lines: Sequence[SeenLine], scale: float) -> list[Placed]:
    """Lines in points; letters of nearly one size get one size."""
    sizes = _even_sizes(lines)
    made = []
    for line, pixels in zip(lines, sizes, strict=True):
        size = max(round(pixels * scale * 2) / 2, 0.5)
        words = [_word(word, line.baseline * scale, size, scale) for word in line.words]
        if shown := tuple(word for word in words if word.text):
            made.append((line, TextLine(shown)))
    return made


def _with_bullets(lines: Sequence[Placed]) -> list[Placed]:
    """Lines that begin with what a bullet is taken for; one such line may be a copyright."""
    marked = [i.words[0].text in _BULLETS and len(i.words) > 1 for _, i in lines]
    if sum(marked) < _LEAST_LINES:
        return list(lines)
    return [
        (seen, TextLine((replace(i.words[0], text="\u2022"), *i.words[1:])) if is_marked else i)
        for (seen, i), is_marked in zip(lines, marked, strict=True)
    ]


def _word(seen: SeenWord, baseline: float, size: float, scale: float) -> Word:
    x0, y0, x1, y1 = (value * scale for value in seen.box)
    text = clean(seen.text).strip()
    return Word(text, x0, y0, x1, y1, baseline, size, bold=False, mono=False)


def _even_sizes(lines: Sequence[SeenLine]) -> list[float]:
    """A line's size is measured on its own letters and varies with them."""
    weighted = sorted(line.size for line in lines for _ in range(len(line.words)))
    usual = median(weighted) if weighted else 0.0
    return [
        usual if usual and abs(line.size / usual - 1) < _SAME_SIZE else line.size
        for line in lines
    ]


def _spent() -> float:
    """Processor seconds of the programs that this process has run."""
    times = os.times()
    return times.children_user + times.children_system


def _beat(ocr: Ocr) -> None:
    if ocr.beats:
        with Path(ocr.beats).open("ab") as stream:
            stream.write(b".")
