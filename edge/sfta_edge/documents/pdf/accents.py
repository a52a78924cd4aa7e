"""Accents that a file draws over a letter as a character of their own, as TeX does.

``˘`` printed on ``g`` is read as ğ; left alone it would stand before the letter as rubbish.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

_COMBINING = {
    "\u00a8": "\u0308",
    "\u00af": "\u0304",
    "\u00b4": "\u0301",
    "\u00b8": "\u0327",
    "\u0060": "\u0300",
    "\u02c6": "\u0302",
    "\u02c7": "\u030c",
    "\u02d8": "\u0306",
    "\u02d9": "\u0307",
    "\u02da": "\u030a",
    "\u02db": "\u0328",
    "\u02dc": "\u0303",
    "\u02dd": "\u030b",
}
_COVERED_SHARE = 0.5
Glyph = tuple[str, Any, dict[str, Any]]
"""A letter, its character record and its span, as `glyphs` handles them."""


def composed(glyphs: Sequence[Glyph]) -> Sequence[Glyph]:
    """The glyphs with each accent joined to the letter it is printed on."""
    if not any(text in _COMBINING for text, _, _ in glyphs):
        return glyphs
    found: list[Glyph] = []
    at = 0
    while at < len(glyphs):
        pair = glyphs[at : at + 2]
        letter = _joined(*pair) or (_joined(*reversed(pair)) if len(pair) == 2 else None)
        if letter and len(pair) == 2:
            char = {**pair[0][1], "bbox": _around(pair[0][1]["bbox"], pair[1][1]["bbox"])}
            found.append((letter, char, pair[0][2]))
            at += 2
            continue
        found.append(glyphs[at])
        at += 1
    return found


def _joined(accent: Glyph, letter: Glyph | None = None) -> str | None:
    """One letter of both, if the accent lies over the letter and such a letter exists."""
    mark = _COMBINING.get(accent[0])
    if mark is None or letter is None or not letter[0].isalpha():
        return None
    (ax0, _, ax1, _), (lx0, _, lx1, _) = accent[1]["bbox"], letter[1]["bbox"]
    narrower = min(ax1 - ax0, lx1 - lx0)
    if min(ax1, lx1) - max(ax0, lx0) < _COVERED_SHARE * narrower:
        return None
    dotted = {"\u0131": "i", "\u0237": "j"}.get(letter[0], letter[0])
    made = unicodedata.normalize("NFC", dotted + mark)
    return made if len(made) == 1 else None


def _around(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float, float]:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
