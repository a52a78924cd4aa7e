"""What the styles of a Word document say: headings, captions, lists, and text that is hidden."""

from collections.abc import Iterator
from typing import Any

from sfta_edge.documents.docx.names import number, switch, value, w

_DEEPEST = 6
_LONGEST_CHAIN = 20  # a style may be based on itself in a damaged file


class Styles:
    """Properties of paragraphs and runs, with what they inherit from their styles."""

    def __init__(self, root: Any) -> None:
        """Read the root element of the styles part."""
        self._styles = {s.get(w("styleId")): s for s in root.iterchildren(w("style"))}
        self._default = next(
            (
                i
                for i, s in self._styles.items()
                if s.get(w("type")) == "paragraph" and s.get(w("default")) in ("1", "true")
            ),
            None,
        )

    def name(self, paragraph: Any) -> str:
        """The style's name as Word knows it in any language, in lower case."""
        style = self._styles.get(_style_of(paragraph) or self._default)
        return value(style, "name").lower()

    def heading_level(self, paragraph: Any) -> int:
        """1 to 6, or 0 for a paragraph that is no heading."""
        name = self.name(paragraph)
        if name == "title":
            return 1
        for properties in self._paragraph_properties(paragraph):
            if level := value(properties, "outlineLvl"):
                depth = number(level, 9)
                return min(depth + 1, _DEEPEST) if 0 <= depth < 9 else 0
        kind, _, depth_text = name.rpartition(" ")
        return min(max(number(depth_text, 1), 1), _DEEPEST) if kind == "heading" else 0

    def numbering(self, paragraph: Any) -> tuple[str, int] | None:
        """Number definition and level of a numbered paragraph or an item."""
        level = -1
        for properties in self._paragraph_properties(paragraph):
            found = properties.find(w("numPr"))
            if found is None:
                continue
            if level < 0:
                level = number(value(found, "ilvl"), -1)
            if identifier := value(found, "numId"):
                return None if identifier == "0" else (identifier, max(level, 0))
        return None

    def on(self, paragraph: Any, run: Any, name: str) -> bool:
        """Whether a switch such as `vanish` holds for a run."""
        for properties in self._run_properties(paragraph, run):
            said = switch(properties, name)
            if said is not None:
                return said
        return False

    def said(self, paragraph: Any, run: Any, name: str) -> Any | None:
        """The property of a run, its own or inherited."""
        for properties in self._run_properties(paragraph, run):
            found = properties.find(w(name))
            if found is not None:
                return found
        return None

    def shaded(self, paragraph: Any, run: Any) -> bool:
        """Whether something is painted behind the run."""
        marks = (self.said(paragraph, run, "shd"), self.said(paragraph, run, "highlight"))
        own = (p.find(w("shd")) for p in self._paragraph_properties(paragraph))
        return any(mark is not None for mark in (*marks, *own))

    def _paragraph_properties(self, paragraph: Any) -> Iterator[Any]:
        own = paragraph.find(w("pPr"))
        if own is not None:
            yield own
        yield from self._inherited(_style_of(paragraph) or self._default, "pPr")

    def _run_properties(self, paragraph: Any, run: Any) -> Iterator[Any]:
        own = run.find(w("rPr"))
        if own is not None:
            yield own
            yield from self._inherited(value(own, "rStyle") or None, "rPr")
        yield from self._inherited(_style_of(paragraph) or self._default, "rPr")

    def _inherited(self, identifier: str | None, kind: str) -> Iterator[Any]:
        for _ in range(_LONGEST_CHAIN):
            style = self._styles.get(identifier)
            if style is None:
                return
            properties = style.find(w(kind))
            if properties is not None:
                yield properties
            identifier = value(style, "basedOn") or None


def _style_of(paragraph: Any) -> str | None:
    return value(paragraph.find(w("pPr")), "pStyle") or None
