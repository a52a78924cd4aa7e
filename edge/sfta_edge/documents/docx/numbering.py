"""The numbers and bullets that Word draws before a paragraph; its text does not hold them."""

import re
from typing import Any

from sfta_edge.documents.docx.names import number, value, w

_DEEPEST = 9
_PLACE = re.compile(r"%([1-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_LARGEST_ROMAN = 4000
BULLET = "-"


class Numbering:
    """Counts the numbered paragraphs of one document, in their order."""

    def __init__(self, root: Any | None) -> None:
        """Read the root element of the numbering part; None where there is none."""
        self._abstract: dict[str, dict[int, Any]] = {}
        self._nums: dict[str, Any] = {}
        self._counters: dict[str, list[int | None]] = {}
        self._begun: set[str] = set()
        if root is None:
            return
        linked = {value(a, "styleLink"): a for a in root.iterchildren(w("abstractNum"))}
        for found in root.iterchildren(w("abstractNum")):
            source = linked.get(value(found, "numStyleLink") or "-", found)
            levels = {number(i.get(w("ilvl")), 0): i for i in source.iterchildren(w("lvl"))}
            self._abstract[found.get(w("abstractNumId"), "")] = levels
        self._nums = {n.get(w("numId"), ""): n for n in root.iterchildren(w("num"))}

    def label(self, identifier: str, level: int) -> str:
        """What stands before the next paragraph of this definition and level: `4.2`, `-`."""
        num = self._nums.get(identifier)
        if num is None or not 0 <= level < _DEEPEST:
            return BULLET
        abstract = value(num, "abstractNumId")
        levels = self._abstract.get(abstract, {})
        counters = self._counters.setdefault(abstract, [None] * _DEEPEST)
        self._begin(identifier, num, counters)
        counters[level] = self._next(counters[level], levels.get(level))
        counters[level + 1 :] = [None] * (_DEEPEST - level - 1)
        return _drawn(levels, level, counters)

    def _begin(self, identifier: str, num: Any, counters: list[int | None]) -> None:
        """A definition that is used for the first time may start its levels anew."""
        if identifier in self._begun:
            return
        self._begun.add(identifier)
        for override in num.iterchildren(w("lvlOverride")):
            level = number(override.get(w("ilvl")), _DEEPEST)
            start = value(override, "startOverride")
            if start and 0 <= level < _DEEPEST:
                counters[level] = number(start, 1) - 1

    @staticmethod
    def _next(now: int | None, level: Any | None) -> int:
        return number(value(level, "start"), 1) if now is None else now + 1


def _drawn(levels: dict[int, Any], level: int, counters: list[int | None]) -> str:
    definition = levels.get(level)
    form = value(definition, "numFmt")
    if definition is None or form == "bullet":
        return BULLET
    if form == "none":
        return ""
    plain = definition.find(w("isLgl")) is not None

    def place(match: re.Match[str]) -> str:
        at = int(match[1]) - 1
        count = counters[at]
        if count is None:
            count = number(value(levels.get(at), "start"), 1)
        return _formed(count, "decimal" if plain else value(levels.get(at), "numFmt"))

    return " ".join(_PLACE.sub(place, value(definition, "lvlText")).split())


def _formed(count: int, form: str) -> str:
    if form.endswith("Letter") and count > 0:
        # a to z, then aa to zz, as Word counts.
        times, at = divmod(count - 1, 26)
        text = chr(ord("a") + at) * min(times + 1, 9)
    elif form.endswith("Roman") and 0 < count < _LARGEST_ROMAN:
        text = ""
        for size, sign in _ROMAN:
            text += sign * (count // size)
            count %= size
    else:
        return f"{count:02d}" if form == "decimalZero" else str(count)
    return text.upper() if form.startswith("upper") else text
