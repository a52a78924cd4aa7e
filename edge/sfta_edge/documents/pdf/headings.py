"""Which groups are headings, and of which level.

Signs, from strong to weak: the outline of the file names it; it is numbered and stands out;
its font is larger than the running text, or bold. A style that the outline or the numbering
ties to a level keeps that level through the document.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sfta_edge.documents.pdf.groups import Lines, Typography

_NUMBER = re.compile(
    r"^(?:(?:chapter|section|appendix|annex|kapitel)\s+)?(\d{1,3}(?:\.\d{1,3})*|[A-Z](?:\.\d{1,3})+)\.?\s+\S",
    re.IGNORECASE,
)
_MOST_CHARACTERS = 160
_MOST_LINES = 3
_LARGER = 1.08
_LARGEST_LEVEL = 6
Style = tuple[float, bool]


@dataclass(frozen=True, slots=True)
class Outline:
    """Titles of the file's outline, by page number from 1, with their level."""

    titles: Mapping[int, Mapping[str, int]]

    @classmethod
    def of(cls, toc: Sequence[Sequence[object]]) -> "Outline":
        """From ``[level, title, page]`` entries."""
        titles: dict[int, dict[str, int]] = defaultdict(dict)
        for level, title, page in (entry[:3] for entry in toc):
            if isinstance(level, int) and isinstance(page, int) and (key := _key(str(title))):
                titles[page].setdefault(key, min(level, _LARGEST_LEVEL))
        return cls(titles)

    def level(self, page: int, text: str) -> int:
        """Level of a title on this page, 0 if the outline does not know it."""
        return self.titles.get(page, {}).get(_key(text), 0)


@dataclass(frozen=True, slots=True)
class Headings:
    """Levels of a document's headings."""

    outline: Outline
    levels: Mapping[Style, int]
    style: Typography

    @classmethod
    def of(
        cls, pages: Sequence[tuple[int, Sequence[Lines]]], outline: Outline, style: Typography
    ) -> "Headings":
        """Learn what each style means from the groups of all pages, by page number."""
        votes: dict[Style, Counter[int]] = defaultdict(Counter)
        loose: set[Style] = set()
        for number, groups in pages:
            for group in groups:
                known = outline.level(number, group.text)
                if not known and not _stands_out(group, style):
                    continue
                if level := known or _depth(group.text):
                    votes[_style(group)][level] += 1
                else:
                    loose.add(_style(group))
        levels = {key: max(c, key=lambda n: (c[n], -n)) for key, c in votes.items()}
        return cls(outline, levels | _ranked(loose - levels.keys(), levels), style)

    def level(self, page: int, group: Lines) -> int:
        """Level of a group, 0 for everything that is no heading."""
        if group.contents:
            return 0
        if known := self.outline.level(page, group.text):
            return known
        if not _stands_out(group, self.style):
            return 0
        return min(_depth(group.text) or self.levels.get(_style(group), 1), _LARGEST_LEVEL)


def _stands_out(group: Lines, style: Typography) -> bool:
    """Printed as a heading is."""
    first = group.first
    text = group.text
    if len(text) > _MOST_CHARACTERS or len(group.lines) > _MOST_LINES or group.contents:
        return False
    if not re.search(r"[^\W\d_]{2}", text) or text.endswith((",", ";")) or "@" in text:
        return False
    if first.size >= _LARGER * style.body_size:
        return not (text.endswith(".") and len(text) > 60)
    if not all(line.bold for line in group.lines) or first.size < 0.97 * style.body_size:
        return False
    ends_open = not text.endswith((".", ":")) or bool(_depth(text))
    return ends_open and (group.gap > 1.1 or bool(_depth(text))) and len(text) <= 100


def _depth(text: str) -> int:
    match = _NUMBER.match(text)
    return match[1].count(".") + 1 if match else 0


def _style(group: Lines) -> Style:
    return round(group.first.size * 2) / 2, group.first.bold


def _ranked(styles: set[Style], known: Mapping[Style, int]) -> dict[Style, int]:
    """Levels of styles that nothing names: by size, below every larger known style."""
    levels = dict(known)
    for style in sorted(styles, reverse=True):
        larger = [level for other, level in levels.items() if other > style]
        smaller = [level for other, level in levels.items() if other < style]
        level = max(larger, default=0) + 1
        levels[style] = min([level, *smaller, _LARGEST_LEVEL])
    return {style: levels[style] for style in styles}


def _key(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
