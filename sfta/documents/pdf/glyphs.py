"""The printed words of a PDF page, found by PyMuPDF: the only contact with its text model.

What is made of them lies in `sfta_edge.documents`: the device reads with the same code.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pymupdf

from sfta.documents.document import UnreadableError
from sfta.documents.pdf.hidden import hidden_on
from sfta.documents.spelling import tricks
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine, Word, merge, split_at_gaps
from sfta_edge.documents.pdf.words import words_of

__all__ = [
    "PrintedPage",
    "TextLine",
    "Word",
    "merge",
    "read_page",
    "split_at_gaps",
]

_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
_UPRIGHT = 0.9
_TURNS = {(1, 0): 0, (0, 1): 270, (-1, 0): 180, (0, -1): 90}


def read_page(page: Any, *, drop_hidden: bool, most_characters: int) -> PrintedPage:
    """Words and lines of a page, which is turned upright in place.

    Raises:
        UnreadableError: the page holds more than `most_characters`.
    """
    if page.rotation:
        page.remove_rotation()
    width, height = page.rect.width, page.rect.height
    raw = _raw_lines(page, most_characters)
    if turn := _turn(raw):
        page.set_rotation(turn)
        page.remove_rotation()
        raw = _raw_lines(page, most_characters)
    printed = PrintedPage(width, height, turn, [])
    hidden = hidden_on(page) if drop_hidden else None
    for line in raw:
        spans = [s for s in line["spans"] if not (hidden and hidden.holds(s))]
        if dropped := len(line["spans"]) - len(spans):
            printed.counts["hidden_spans"] += dropped
        words = tuple(words_of(spans, printed.counts))
        if words:
            upright = line["dir"][0] > _UPRIGHT
            (printed.lines if upright else printed.sideways).append(TextLine(words))
    if printed.counts["hidden_spans"]:
        printed.flags.append("hidden_text")
    if printed.counts["invisible_characters"]:
        printed.flags += tricks("".join(_letters(raw)))
    return printed


def _raw_lines(page: Any, most_characters: int) -> list[dict[str, Any]]:
    printed = page.get_textpage(flags=_FLAGS)
    # Counted in the library first: as Python objects the characters need far more memory.
    if len(printed.extractTEXT()) > most_characters:
        raise UnreadableError(
            "too_large",
            f"page {page.number + 1} holds more text than ingest.limits.page_characters allows",
        )
    blocks = printed.extractRAWDICT()["blocks"]
    return [line for block in blocks for line in block.get("lines", ())]


def _letters(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (char["c"] for line in lines for span in line["spans"] for char in span["chars"])


def _turn(lines: Sequence[dict[str, Any]]) -> int:
    """Degrees that bring most of the text upright."""
    weight: Counter[int] = Counter()
    for line in lines:
        direction = (round(line["dir"][0]), round(line["dir"][1]))
        weight[_TURNS.get(direction, 0)] += sum(len(s["chars"]) for s in line["spans"])
    return weight.most_common(1)[0][0] if weight else 0
