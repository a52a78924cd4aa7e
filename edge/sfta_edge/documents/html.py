"""HTML: what a reader of the page sees, as blocks. Scripts, styles and navigation go."""

import re
from collections import Counter
from html.parser import HTMLParser

from sfta_edge.documents.document import PICTURES_LEFT_OUT, Fragment, Kind, PageWriter, Parsed
from sfta_edge.documents.media import HTML
from sfta_edge.documents.rows import add_table
from sfta_edge.documents.spelling import clean, invisible, tricks

_SKIPPED = frozenset(
    (
        "script",
        "style",
        "template",
        "noscript",
        "nav",
        "svg",
        "math",
        "iframe",
        "object",
        "head",
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BREAKS = frozenset[str]().union(
    {"p", "div", "section", "article", "main", "header", "footer", "aside"},
    {"blockquote", "ul", "ol", "dl", "dt", "dd", "li", "table", "tr", "pre"},
    {"figure", "figcaption", "caption", "form", "fieldset", "address", "hr"},
    {"body", "html"},
)
_CAPTIONS = frozenset(("caption", "figcaption"))
_LINE_BREAK = "\v"
_TWO_LINE_BREAKS = re.compile(r"(?:\v\s*){2,}")
_VOID = frozenset[str]().union(
    {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed"},
    {"source", "track", "wbr"},
)


def parse_html(text: str) -> Parsed:
    """Blocks of an HTML file, on one page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.flush()
    for reason in tricks(text):
        reader.page.flag(reason)
    page = reader.page.page()
    headings = (page.text[b.start : b.end] for b in page.blocks if b.kind == "heading")
    title = " ".join(clean(reader.title).split()) or next(headings, "")
    reader.counts["invisible_characters"] += invisible(text)
    kept = {name: count for name, count in sorted(reader.counts.items()) if count}
    return Parsed(title, HTML, (page,), kept)


class _Reader(HTMLParser):
    """Collects text between block elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = PageWriter(1)
        self.title = ""
        self.counts: Counter[str] = Counter()
        self._text: list[str] = []
        self._skipping: list[str] = []
        self._in_title = False
        self._heading = 0
        self._pre = 0
        self._lists: list[int | None] = []
        self._mark = ""
        self._items: list[Fragment] = []
        self._rows: list[list[str]] = []
        self._tables = 0
        self._in_cell = False
        self._caption = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        if self._skipping:
            if tag not in _VOID:
                self._skipping.append(tag)
            return
        if tag in _SKIPPED or (_is_hidden(dict(attrs)) and tag not in _VOID):
            self.counts["elements_left_out"] += tag != "head"
            self._skipping.append(tag)
            return
        if tag in ("td", "th") and self._tables == 1:
            self._end_cell()
            self._in_cell = True
        elif tag in _BREAKS or tag in _HEADINGS:
            self._break(tag)
        self._open(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._skipping:
            if tag in self._skipping:
                del self._skipping[len(self._skipping) - 1 - self._skipping[::-1].index(tag) :]
            return
        if tag in ("td", "th") and self._tables == 1:
            self._end_cell()
        elif tag in _BREAKS or tag in _HEADINGS:
            self._break(tag)
            self._close(tag)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._skipping:
            self._text.append(data)

    def flush(self) -> None:
        """Write what is still open."""
        self._end_cell()
        self._break("body")
        self._end_list()
        self._end_table()

    def _open(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.counts[PICTURES_LEFT_OUT] += tag == "img" and not _is_hidden(attributes)
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag in ("ul", "ol"):
            self._lists.append(_number(attributes.get("start"), 1) if tag == "ol" else None)
        elif tag == "li":
            self._mark = self._next_mark(attributes)
        elif tag == "table":
            self._tables += 1
        elif tag == "tr" and self._tables == 1:
            self._rows.append([])
        elif tag == "pre":
            self._pre += 1
        elif tag == "br":
            self._text.append("\n" if self._pre else _LINE_BREAK)
        if tag in _CAPTIONS:
            self._caption = True
        elif tag in _BREAKS - {"p", "div"}:
            self._caption = False

    def _close(self, tag: str) -> None:
        if tag in _CAPTIONS or tag in ("figure", "table"):
            self._caption = False
        if tag in _HEADINGS:
            self._heading = 0
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
            if not self._lists:
                self._end_list()
        elif tag == "table" and self._tables:
            self._tables -= 1
            if not self._tables:
                self._end_table()
        elif tag == "pre" and self._pre:
            self._pre -= 1

    def _break(self, tag: str) -> None:
        """End the block that has been collected."""
        if self._in_cell and self._tables == 1 and tag in ("tr", "table"):
            self._end_cell()
        if self._in_cell:
            # Block elements and tables inside a cell do not end it.
            self._text.append(" ")
            return
        raw, self._text = "".join(self._text), []
        if self._pre:
            self.page.add("code", [_code_line(line) for line in raw.expandtabs(4).split("\n")])
            return
        for part in _TWO_LINE_BREAKS.split(raw):
            if text := " ".join(clean(part.replace(_LINE_BREAK, " ")).split()):
                self._add_text(text)

    def _add_text(self, text: str) -> None:
        if self._lists:
            indent = "  " * (len(self._lists) - 1)
            glue = "\n" + indent if self._mark else " "
            self._items.append(Fragment(f"{self._mark} {text}".strip(), None, glue))
            self._mark = ""
        else:
            named: Kind = "caption" if self._caption else "paragraph"
            kind: Kind = "heading" if self._heading else named
            self.page.add(kind, [Fragment(text)], level=self._heading)

    def _end_cell(self) -> None:
        if self._in_cell:
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append(" ".join(clean("".join(self._text)).split()))
            self._text, self._in_cell = [], False

    def _end_list(self) -> None:
        self.page.add("list", self._items)
        self._items, self._lists = [], []

    def _end_table(self) -> None:
        rows, self._rows, self._tables = self._rows, [], 0
        add_table(self.page, rows)

    def _next_mark(self, attributes: dict[str, str | None]) -> str:
        if not self._lists or self._lists[-1] is None:
            return "-"
        number = _number(attributes.get("value"), self._lists[-1])
        self._lists[-1] = number + 1
        return f"{number}."


def _number(value: str | None, otherwise: int) -> int:
    """A number a browser would count from; anything else it passes over."""
    return int(value) if value and re.fullmatch(r"-?[0-9]{1,9}", value) else otherwise


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or "display:none" in style
        or "visibility:hidden" in style
    )


def _code_line(line: str) -> Fragment:
    indent = " " * (len(line) - len(line.lstrip()))
    return Fragment(clean(line).strip(), None, "\n" + indent)
