"""From groups to the blocks of a page: clean text with its boxes."""

import re
from collections.abc import Iterator, Sequence

from sfta_edge.documents.document import Box, Fragment, Kind, Page, PageWriter
from sfta_edge.documents.pdf.figures import Figure
from sfta_edge.documents.pdf.flow import is_caption
from sfta_edge.documents.pdf.grouping import is_bullet
from sfta_edge.documents.pdf.groups import Group, Lines, Typography
from sfta_edge.documents.pdf.headings import Headings
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine
from sfta_edge.documents.pdf.tables import Note, Table, markdown_row, rule_row
from sfta_edge.documents.spelling import SOFT_HYPHEN, join_lines

_SIGNAL = re.compile(r"^[^\W\d_a-z][^\W\d_a-z ]{1,20}$")
_LEADERS = re.compile(r"\s*(?:[.\u00b7_]\s?){3,}\s*|\s*\u2026[\s.\u2026]*")


class Pages:
    """Writes the pages of one document; a table that goes on keeps its column names."""

    def __init__(self, style: Typography, headings: Headings) -> None:
        self._style = style
        self._headings = headings
        self._open: tuple[tuple[int, int, int], tuple[str, ...]] | None = None

    def write(self, number: int, printed: PrintedPage, groups: Sequence[Group]) -> Page:
        """The page with this number."""
        writer = PageWriter(number, printed.width, printed.height, printed.confidence)
        for reason in printed.flags:
            writer.flag(reason)
        for index, run in enumerate(_runs(groups, self._is_list(number))):
            self._add(writer, printed, run, first=index == 0)
        for line in printed.sideways:
            writer.add("paragraph", [_piece(line, printed, "")])
        last = groups[-1] if groups else None
        if not isinstance(last, Table):
            self._open = None
        return writer.page()

    def _is_list(self, number: int) -> "_Classifier":
        return _Classifier(number, self._headings)

    def _add(
        self, writer: PageWriter, printed: PrintedPage, run: "_Run", *, first: bool
    ) -> None:
        head = run.groups[0]
        if isinstance(head, Table):
            header, fresh = self._header(head, first=first)
            writer.add("table", _table(head, printed, fresh=fresh), header=" | ".join(header))
        elif isinstance(head, Note):
            writer.add("paragraph", _note(head, printed, self._style))
        elif isinstance(head, Figure):
            writer.add("caption", _labels(head, printed))
        elif run.kind == "list":
            items = [group for group in run.groups if isinstance(group, Lines)]
            writer.add("list", list(_items(items, printed, self._style)))
        elif run.kind == "code":
            writer.add("code", _code(head, printed))
        else:
            fragments = _paragraph(head.lines, printed, self._style)
            writer.add(run.kind, fragments, level=run.level)

    def _header(self, table: Table, *, first: bool) -> tuple[tuple[str, ...], bool]:
        """Column names, and whether they stand in the table's own first row."""
        if not table.headed:
            self._open = None
            return (), False
        if first and self._open and self._open[0] == table.column_edges:
            names = self._open[1]
            return names, names == table.rows[0]
        self._open = (table.column_edges, table.rows[0])
        return table.rows[0], True


class _Run:
    """Groups that make one block."""

    def __init__(self, kind: Kind, group: Group, level: int = 0) -> None:
        self.kind: Kind = kind
        self.groups = [group]
        self.level = level


class _Classifier:
    def __init__(self, page: int, headings: Headings) -> None:
        self._page = page
        self._headings = headings

    def __call__(self, group: Group) -> tuple[Kind, int]:
        if not isinstance(group, Lines):
            return "paragraph", 0
        if is_caption(group.text):
            return "caption", 0
        if level := self._headings.level(self._page, group):
            return "heading", level
        if group.marker or group.contents:
            return "list", 0
        mono = all(line.mono for line in group.lines) and not self._headings.style.mono_body
        return ("code", 0) if mono else ("paragraph", 0)


def _runs(groups: Sequence[Group], classify: _Classifier) -> Iterator[_Run]:
    run: _Run | None = None
    for group in groups:
        kind, level = classify(group)
        if run is not None and kind == run.kind == "list" and _same_list(run.groups[-1], group):
            run.groups.append(group)
            continue
        if run is not None:
            yield run
        run = _Run(kind, group, level)
    if run is not None:
        yield run


def _same_list(last: Group, group: Group) -> bool:
    """Items go on, unless a numbering starts again."""
    if not (isinstance(last, Lines) and isinstance(group, Lines)):
        return False
    if last.contents != group.contents:
        return False
    again = group.marker.strip("().") == "1" and last.marker.strip("().").isdigit()
    return not (again and abs(group.first.x0 - last.first.x0) < 3)


def _paragraph(
    lines: Sequence[TextLine], printed: PrintedPage, style: Typography
) -> list[Fragment]:
    """Fragments of lines that make one line of text, broken words joined."""
    fragments: list[Fragment] = []
    for line in lines:
        glue, text = "", line.text
        if fragments:
            before, glue = join_lines(fragments[-1].text, text, style.words)
            fragments[-1] = Fragment(before, fragments[-1].box, fragments[-1].glue)
        for piece in _pieces(line, printed):
            inner = piece.text[:-1].replace(SOFT_HYPHEN, "") + piece.text[-1:]
            fragments.append(Fragment(inner, printed.shown(_box(piece)), glue))
            glue = " "
    if fragments:
        last = fragments[-1]
        fragments[-1] = Fragment(last.text.rstrip(SOFT_HYPHEN), last.box, last.glue)
    return fragments


def _pieces(line: TextLine, printed: PrintedPage) -> Sequence[TextLine]:
    """The line, or its words where a scan may be tilted and a box must not hold its neighbours."""
    if printed.confidence is None:
        return [line]
    return [TextLine((word,)) for word in line.words]


def _items(
    groups: Sequence[Lines], printed: PrintedPage, style: Typography
) -> Iterator[Fragment]:
    """One line of text per item, two spaces per level of nesting."""
    depths = _depths(groups)
    for group, depth in zip(groups, depths, strict=True):
        if group.contents:
            text = _LEADERS.sub(" \u2026 ", group.text)
            if "\u2026" not in text:
                text = " \u2026 ".join(text.rsplit(" ", 1))
            yield Fragment(text, printed.shown(_box(group.first)), "\n")
            continue
        fragments = _paragraph(group.lines, printed, style)
        marker = "-" if is_bullet(group.marker) else group.marker
        text = f"{marker} {fragments[0].text[len(group.marker) :].lstrip()}"
        # The indent is glue: it is no text that a box would have to cover.
        yield Fragment(text, fragments[0].box, "\n" + "  " * depth)
        yield from fragments[1:]


def _depths(groups: Sequence[Lines]) -> list[int]:
    edges: list[float] = []
    depths = []
    for group in groups:
        x = group.first.x0
        while edges and x < edges[-1] - 0.5 * group.first.size:
            edges.pop()
        if not edges or x > edges[-1] + 0.5 * group.first.size:
            edges.append(x)
        depths.append(len(edges) - 1)
    return depths


def _table(table: Table, printed: PrintedPage, *, fresh: bool) -> list[Fragment]:
    fragments = []
    for index, (row, box) in enumerate(zip(table.rows, table.boxes, strict=True)):
        fragments.append(Fragment(markdown_row(row), printed.shown(box), "\n"))
        if index == 0 and fresh:
            rule = Fragment(rule_row(len(row)), printed.shown(box), "\n")
            fragments.append(rule)
    return fragments


def _note(note: Note, printed: PrintedPage, style: Typography) -> list[Fragment]:
    """A label in capitals, a colon, and the text."""
    fragments: list[Fragment] = []
    for index, cell in enumerate(note.cells):
        pieces = _paragraph(cell, printed, style)
        label = index == 0 and len(note.cells) > 1 and len(pieces) == 1
        if label and _SIGNAL.match(pieces[0].text):
            pieces = [Fragment(pieces[0].text + ":", pieces[0].box)]
        if fragments and pieces:
            pieces[0] = Fragment(pieces[0].text, pieces[0].box, " ")
        fragments.extend(pieces)
    return fragments


def _labels(figure: Figure, printed: PrintedPage) -> list[Fragment]:
    """One label per line of text."""
    return [
        _piece(line, printed, " " if index else "\n")
        for label in figure.labels
        for index, line in enumerate(label)
    ]


def _code(group: Lines, printed: PrintedPage) -> list[Fragment]:
    """Lines as they stand; the indent is measured in characters."""
    left = min(line.x0 for line in group.lines)
    fragments = []
    for line in group.lines:
        width = max((line.x1 - line.x0) / max(len(line.text), 1), 1.0)
        indent = " " * round((line.x0 - left) / width)
        fragments.append(_piece(line, printed, "\n" + indent))
    return fragments


def _piece(line: TextLine, printed: PrintedPage, glue: str) -> Fragment:
    return Fragment(line.text.replace(SOFT_HYPHEN, ""), printed.shown(_box(line)), glue)


def _box(line: TextLine) -> Box:
    return line.x0, line.y0, line.x1, line.y1
