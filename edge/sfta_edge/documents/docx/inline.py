"""The text of one Word paragraph: what is shown, where pages end, what hangs on it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sfta_edge.documents.document import PICTURES_LEFT_OUT
from sfta_edge.documents.docx.names import (
    ALTERNATIVES,
    CHOICE,
    MATH,
    MATH_TEXT,
    PICTURES,
    number,
    w,
)
from sfta_edge.documents.docx.styles import Styles
from sfta_edge.documents.spelling import superscript

_SIGNS = {w("tab"): " ", w("cr"): " ", w("noBreakHyphen"): "-", w("ptab"): " "}
_INSIDE = frozenset(
    w(name)
    for name in (
        "hyperlink", "ins", "moveTo", "smartTag", "fldSimple", "sdt", "sdtContent", "dir",
        "bdo", "customXml", "ruby", "rubyBase",
    )
)  # fmt: skip
_REMOVED = frozenset((w("del"), w("moveFrom")))
_BOXES = frozenset((w("drawing"), w("pict"), w("object"), ALTERNATIVES))
_NOTES = {w("footnoteReference"): "footnote", w("endnoteReference"): "endnote"}
_NEAR_WHITE = 0.93 * 255
_SMALLEST_HALF_POINTS = 2


@dataclass(slots=True)
class Inline:
    """What a paragraph holds."""

    parts: list[str] = field(default_factory=list)
    breaks_before: int = 0
    """Page ends before the first visible character."""
    breaks: int = 0
    """Page ends after it."""
    boxes: list[Any] = field(default_factory=list)
    """Contents of text boxes that are anchored here."""
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, id in the file and label of the footnotes and endnotes."""
    hidden: int = 0

    @property
    def text(self) -> str:
        """The text as it was written, spaces and all."""
        return "".join(self.parts)


class Runs:
    """Reads paragraphs of one document; counts what it leaves out."""

    def __init__(
        self,
        styles: Styles,
        counts: Counter[str],
        *,
        drop_hidden: bool,
        rendered: bool,
        painted: bool,
    ) -> None:
        """Read for one document.

        Args:
            styles: its styles.
            counts: grows by what is left out.
            drop_hidden: whether hidden text is left out.
            rendered: pages are those of Word's last layout, else those of the author.
            painted: its pages have a colour.
        """
        self._styles = styles
        self._counts = counts
        self._drop_hidden = drop_hidden
        self._rendered = rendered
        self._painted = painted
        self._notes: Counter[str] = Counter()

    def read(self, paragraph: Any) -> Inline:
        """The paragraph's content."""
        found = Inline()
        before = paragraph.find(f"{w('pPr')}/{w('pageBreakBefore')}")
        if before is not None and not self._rendered:
            found.breaks_before += 1
        self._walk(paragraph, paragraph, found)
        return found

    def _walk(self, element: Any, paragraph: Any, found: Inline) -> None:
        for child in element.iterchildren():
            if child.tag == w("r"):
                self._run(child, paragraph, found)
            elif child.tag in _INSIDE:
                self._walk(child, paragraph, found)
            elif child.tag in MATH:
                found.parts.append("".join(t.text or "" for t in child.iter(MATH_TEXT)))
            elif child.tag in _REMOVED:
                self._counts["deleted_runs"] += 1

    def _run(self, run: Any, paragraph: Any, found: Inline) -> None:
        hidden = self._is_hidden(run, paragraph)
        if hidden and any(t.text for t in run.iter(w("t"))):
            self._counts["hidden_spans"] += 1
            found.hidden += 1
        shown = not (hidden and self._drop_hidden)
        for child in run.iterchildren():
            if child.tag in (w("br"), w("lastRenderedPageBreak")):
                self._break(child, found)
            elif shown:
                self._content(child, paragraph, found)

    def _content(self, child: Any, paragraph: Any, found: Inline) -> None:
        if child.tag == w("t"):
            found.parts.append(self._raised(child, paragraph))
        elif child.tag in _SIGNS:
            found.parts.append(_SIGNS[child.tag])
        elif child.tag == w("sym"):
            found.parts.append(_symbol(child))
        elif child.tag in _NOTES:
            kind = _NOTES[child.tag]
            self._notes[kind] += 1
            label = superscript(str(self._notes[kind])) or ""
            found.notes.append((kind, child.get(w("id"), ""), label))
            found.parts.append(label)
        elif child.tag in _BOXES:
            found.boxes.extend(_boxes(child))
            self._counts[PICTURES_LEFT_OUT] += _pictures(child)
        elif child.tag in _INSIDE:
            self._walk(child, paragraph, found)

    def _raised(self, text: Any, paragraph: Any) -> str:
        """Raised digits stay raised: 10⁻³ must not become 10-3."""
        plain: str = text.text or ""
        said = self._styles.said(paragraph, text.getparent(), "vertAlign")
        if said is not None and said.get(w("val")) == "superscript":
            return superscript(plain) or plain
        return plain

    def _break(self, child: Any, found: Inline) -> None:
        is_hint = child.tag == w("lastRenderedPageBreak")
        if not is_hint and child.get(w("type")) != "page":
            found.parts.append(" ")
        elif is_hint is self._rendered:
            if found.text.strip():
                found.breaks += 1
            else:
                found.breaks_before += 1

    def _is_hidden(self, run: Any, paragraph: Any) -> bool:
        """Hidden by name, too small to read, or white on the white of the page."""
        styles = self._styles
        if styles.on(paragraph, run, "vanish"):
            return True
        size = styles.said(paragraph, run, "sz")
        if size is not None and number(size.get(w("val")), 24) <= _SMALLEST_HALF_POINTS:
            return True
        colour = styles.said(paragraph, run, "color")
        if colour is None or not _is_near_white(colour.get(w("val"), "")):
            return False
        # A cell or a box may be painted by its style or shape: white text in it can be seen.
        framed = next(run.iterancestors(w("tc"), w("txbxContent")), None) is not None
        return not (framed or self._painted or styles.shaded(paragraph, run))


def _is_near_white(colour: str) -> bool:
    try:
        return min(bytes.fromhex(colour)) > _NEAR_WHITE
    except ValueError:
        return False


def _symbol(element: Any) -> str:
    try:
        return chr(int(element.get(w("char"), ""), 16))
    except (ValueError, OverflowError):
        return ""


def _boxes(element: Any) -> list[Any]:
    """Text boxes, each once: a box is often written a second time for older programs."""
    if element.tag == ALTERNATIVES:
        choice = element.find(CHOICE)
        chosen = [] if choice is None else _boxes(choice)
        if chosen:
            return chosen
    found: list[Any] = []
    for child in element.iterchildren():
        found.extend([child] if child.tag == w("txbxContent") else _boxes(child))
    return found


def _pictures(element: Any) -> int:
    """Pictures in a drawing; what stands in its text boxes is read by itself."""
    if element.tag in PICTURES:
        return 1
    if element.tag == w("txbxContent"):
        return 0
    found = [_pictures(child) for child in element.iterchildren()]
    # Alternatives show the same thing to different programs.
    return max(found, default=0) if element.tag == ALTERNATIVES else sum(found)
