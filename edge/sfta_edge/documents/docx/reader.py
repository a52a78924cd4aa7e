"""Reads one Word document: headings, items, tables, text boxes and notes, page by page.

A page is what Word laid out when it last saved the file; where a program left no such marks,
the author's own page breaks count. A block stands whole on the page it begins on.

Headers and footers are running lines and are left out, as are comments and deleted text.
Macros, embedded files and linked content are not looked at.
"""

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import parse_xml

from sfta_edge.documents.archive import check_archive, with_content_type
from sfta_edge.documents.damage import as_damage
from sfta_edge.documents.document import Fragment, Kind, Page, PageWriter, Parsed
from sfta_edge.documents.docx.inline import Inline, Runs
from sfta_edge.documents.docx.names import number, switch, value, w
from sfta_edge.documents.docx.numbering import BULLET, Numbering
from sfta_edge.documents.docx.styles import Styles
from sfta_edge.documents.media import DOCX
from sfta_edge.documents.rows import add_table
from sfta_edge.documents.rules import ReadOptions
from sfta_edge.documents.spelling import clean, invisible, tricks
from sfta_edge.documents.titles import first_heading, usable_title

_OTHER_MAIN = (
    rb"application/vnd\.openxmlformats-officedocument\.wordprocessingml\.template\.main\+xml"
    rb"|application/vnd\.ms-word\.(?:document|template)\.macroEnabled(?:Template)?\.main\+xml"
)
_MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_WRAPPERS = frozenset(w(n) for n in ("sdt", "sdtContent", "customXml", "ins", "moveTo"))
_PARTS = {"footnote": RELATIONSHIP_TYPE.FOOTNOTES, "endnote": RELATIONSHIP_TYPE.ENDNOTES}


def parse_docx(raw: bytes, options: ReadOptions) -> Parsed:
    """Pages of a Word document.

    Raises:
        UnreadableError: a damaged, encrypted or hostile file.
    """
    check_archive(raw, options.unpacked_bytes, office=True)
    with as_damage("Word document"):
        document = docx.Document(BytesIO(with_content_type(raw, _OTHER_MAIN, _MAIN)))
        reader = _Reader(document, options)
        reader.blocks(document.element.body)
        pages = reader.finished()
        title = usable_title(document.core_properties.title or "")
    kept = {name: count for name, count in sorted(reader.counts.items()) if count}
    return Parsed(title or first_heading(pages), DOCX, pages, kept)


class _Reader:
    """Writes the body of a document into pages."""

    def __init__(self, document: Any, options: ReadOptions) -> None:
        self.counts: Counter[str] = Counter()
        self._part = document.part
        self._styles = Styles(document.styles.element)
        self._numbering = Numbering(self._root(RELATIONSHIP_TYPE.NUMBERING))
        rendered = next(document.element.body.iter(w("lastRenderedPageBreak")), None)
        self._runs = Runs(
            self._styles,
            self.counts,
            drop_hidden=options.drop_hidden,
            rendered=rendered is not None,
            painted=document.element.find(w("background")) is not None,
        )
        self._drop_hidden = options.drop_hidden
        self._notes = {kind: self._texts(kind) for kind in _PARTS}
        self._pages: list[Page] = []
        self._page = PageWriter(1)
        self._items: list[Fragment] = []
        self._footnotes: list[tuple[str, str]] = []
        self._endnotes: list[tuple[str, str]] = []
        self.counts["comments_left_out"] = self._comments()

    def blocks(self, container: Any) -> None:
        """Write what a body, a cell or a text box holds."""
        for child in container.iterchildren():
            if child.tag == w("p"):
                self._paragraph(child)
            elif child.tag == w("tbl"):
                self._table(child)
            elif child.tag in _WRAPPERS:
                self.blocks(child)
            elif child.tag == w("altChunk"):
                self.counts["embedded_left_out"] += 1
        self._end_list()

    def finished(self) -> tuple[Page, ...]:
        """All pages; endnotes stand on the last one."""
        self._end_list()
        self._footnotes += self._endnotes
        self._end_page(1)
        return tuple(self._pages)

    def _paragraph(self, paragraph: Any) -> None:
        found = self._runs.read(paragraph)
        self._end_page(found.breaks_before)
        self._note(found)
        if text := self._text(found):
            self._write(paragraph, text)
        for box in found.boxes:
            self._end_list()
            self.blocks(box)
        self._end_page(found.breaks)

    def _write(self, paragraph: Any, text: str) -> None:
        level = self._styles.heading_level(paragraph)
        numbered = self._styles.numbering(paragraph)
        label = self._numbering.label(*numbered) if numbered else ""
        if level:
            self._end_list()
            shown = text if label == BULLET else f"{label} {text}".strip()
            self._page.add("heading", [Fragment(shown)], level=level)
        elif numbered:
            indent = "  " * numbered[1]
            self._items.append(Fragment(f"{label} {text}".strip(), None, "\n" + indent))
        else:
            self._end_list()
            is_caption = self._styles.name(paragraph) == "caption"
            kind: Kind = "caption" if is_caption else "paragraph"
            self._page.add(kind, [Fragment(text)])

    def _table(self, table: Any) -> None:
        self._end_list()
        rows = list(self._rows(table))
        if len(rows) < 2 or max(map(len, rows), default=0) < 2:
            # A frame around text, not a table: what stands in it keeps its structure.
            for cell in (cell for row in rows for cell in row if cell is not None):
                self.blocks(cell)
            return
        breaks = 0
        cells: list[list[str]] = []
        above: dict[int, str] = {}
        for row in rows:
            texts, ends = self._cells(row, above)
            cells.append(texts)
            breaks += ends
        self.counts["tables"] += add_table(self._page, cells)
        self._end_page(breaks)

    def _rows(self, table: Any) -> Iterator[list[Any]]:
        """The cells of each row that is shown."""
        for row in _children(table, "tr"):
            properties = row.find(w("trPr"))
            if properties is not None and properties.find(w("del")) is not None:
                self.counts["deleted_runs"] += 1
                continue
            if switch(properties, "hidden"):
                self.counts["hidden_spans"] += 1
                self._page.flag("hidden_text")
                if self._drop_hidden:
                    continue
            gap = [None] * number(value(properties, "gridBefore"), 0)
            yield [*gap[:64], *_children(row, "tc")]

    def _cells(self, row: list[Any], above: dict[int, str]) -> tuple[list[str], int]:
        """Texts of one row, and how many pages end in it.

        A cell that is merged downwards says the same in each of its rows.
        """
        texts: list[str] = []
        ends = 0
        for cell in row:
            at = len(texts)
            properties = None if cell is None else cell.find(w("tcPr"))
            merge = None if properties is None else properties.find(w("vMerge"))
            if merge is not None and merge.get(w("val")) != "restart":
                text = above.get(at, "")
            else:
                text, count = ("", 0) if cell is None else self._cell(cell)
                ends = max(ends, count)
            above[at] = text
            span = max(1, min(number(value(properties, "gridSpan"), 1), 64))
            texts += [text, *[""] * (span - 1)]
        return texts, ends

    def _cell(self, cell: Any) -> tuple[str, int]:
        """The text of a cell on one line, and how many pages end in it."""
        parts: list[str] = []
        breaks = 0
        for paragraph in cell.iter(w("p")):
            if next(paragraph.iterancestors(w("txbxContent")), None) is not None:
                continue
            found = self._runs.read(paragraph)
            self._note(found)
            breaks += found.breaks_before + found.breaks
            numbered = self._styles.numbering(paragraph)
            text = self._text(found)
            if text and numbered:
                text = f"{self._numbering.label(*numbered)} {text}"
            parts.append(text)
            parts += [self._cell(box)[0] for box in found.boxes if box is not cell]
        return " ".join(part for part in parts if part), breaks

    def _text(self, found: Inline) -> str:
        raw = found.text
        self.counts["invisible_characters"] += invisible(raw)
        for reason in tricks(raw):
            self._page.flag(reason)
        return " ".join(clean(raw).split())

    def _note(self, found: Inline) -> None:
        """Remember notes for the end of their page, and mark it if text on it is hidden."""
        if found.hidden:
            self._page.flag("hidden_text")
        for kind, identifier, label in found.notes:
            text = self._notes[kind].get(identifier, "")
            place = self._footnotes if kind == "footnote" else self._endnotes
            if text:
                place.append((label, text))

    def _end_list(self) -> None:
        if self._items:
            self._page.add("list", self._items)
            self._items = []

    def _end_page(self, times: int) -> None:
        for _ in range(times):
            self._end_list()
            for label, text in self._footnotes:
                self._page.add("paragraph", [Fragment(f"{label} {text}")])
            self._footnotes = []
            self._pages.append(self._page.page())
            self._page = PageWriter(len(self._pages) + 1)

    def _root(self, relationship: str) -> Any | None:
        try:
            part = self._part.part_related_by(relationship)
        except KeyError:
            return None
        return parse_xml(part.blob)

    def _texts(self, kind: str) -> dict[str, str]:
        """Notes of one kind by their id."""
        root = self._root(_PARTS[kind])
        if root is None:
            return {}
        found: dict[str, str] = {}
        for note in root.iterchildren(w(kind)):
            texts = [self._text_of_note(p) for p in note.iter(w("p"))]
            found[note.get(w("id"), "")] = " ".join(text for text in texts if text)
        return found

    def _text_of_note(self, paragraph: Any) -> str:
        return " ".join(clean(self._runs.read(paragraph).text).split())

    def _comments(self) -> int:
        root = self._root(RELATIONSHIP_TYPE.COMMENTS)
        return 0 if root is None else len(list(root.iterchildren(w("comment"))))


def _children(parent: Any, name: str) -> Iterator[Any]:
    """Rows or cells, also those inside content controls."""
    for child in parent.iterchildren():
        if child.tag == w(name):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _children(child, name)
