"""Markdown: CommonMark with tables; markup goes, structure stays.

Raw HTML and comments are left out: they are not shown to a reader of the rendered text.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sfta_edge.documents.document import Fragment, PageWriter, Parsed
from sfta_edge.documents.media import MARKDOWN
from sfta_edge.documents.rows import table_row
from sfta_edge.documents.spelling import clean, invisible, tricks

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


def parse_markdown(text: str) -> Parsed:
    """Blocks of a Markdown file, on one page."""
    from markdown_it import MarkdownIt

    front = _FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    # Bounds the recursion on hostile input; what is nested deeper is left out.
    parser = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table")
    writer = _Writer()
    writer.read(parser.parse(body))
    for reason in tricks(body):
        writer.page.flag(reason)
    page = writer.page.page()
    titled = _FRONT_TITLE.search(front[1]) if front else None
    headings = (page.text[b.start : b.end] for b in page.blocks if b.kind == "heading")
    title = clean(titled[1]).strip() if titled else next(headings, "")
    writer.counts["invisible_characters"] += invisible(body)
    kept = {name: count for name, count in sorted(writer.counts.items()) if count}
    return Parsed(title, MARKDOWN, (page,), kept)


class _Writer:
    """Turns the token stream into blocks."""

    def __init__(self) -> None:
        self.page = PageWriter(1)
        self.counts: Counter[str] = Counter()
        self._items: list[Fragment] = []
        self._lists: list[int | None] = []
        """For each open list the number of its next item, None for bullets."""
        self._mark = ""
        """Of an item whose text has not come yet."""
        self._rows: list[list[str]] = []
        self._level = 0
        self._cell = False

    def read(self, tokens: Sequence["Token"]) -> None:
        """Write all tokens."""
        for token in tokens:
            name, _, edge = token.type.rpartition("_")
            if edge == "open":
                self._open(name, token)
            elif edge == "close":
                self._close(name)
            elif token.type in ("fence", "code_block"):
                self._code(token.content)
            elif token.type == "html_block":
                self.counts["html_left_out"] += 1
            elif token.type == "inline":
                self._inline(token)

    def _open(self, name: str, token: "Token") -> None:
        match name:
            case "heading":
                self._level = int(token.tag[1])
            case "bullet_list":
                self._lists.append(None)
            case "ordered_list":
                start = token.attrGet("start")
                self._lists.append(1 if start is None else int(start))
            case "list_item":
                self._mark = self._next_mark()
            case "tr":
                self._rows.append([])
            case "td" | "th":
                self._cell = True

    def _close(self, name: str) -> None:
        match name:
            case "heading":
                self._level = 0
            case "bullet_list" | "ordered_list":
                self._close_list()
            case "table":
                self._close_table()

    def _inline(self, token: "Token") -> None:
        text = self._text(token.children or ())
        if self._cell:
            self._rows[-1].append(" ".join(text.split()))
            self._cell = False
        elif self._lists:
            self._item(" ".join(text.split()))
        elif self._level:
            self.page.add("heading", [Fragment(" ".join(text.split()))], level=self._level)
        else:
            lines = [" ".join(line.split()) for line in text.split("\n")]
            self.page.add("paragraph", [Fragment(line, None, "\n") for line in lines])

    def _item(self, text: str) -> None:
        if not self._mark:
            self._items.append(Fragment(text, None, " "))
            return
        indent = "  " * (len(self._lists) - 1)
        self._items.append(Fragment(f"{self._mark} {text}", None, "\n" + indent))
        self._mark = ""

    def _next_mark(self) -> str:
        """An item counts even if it holds no text of its own."""
        number = self._lists[-1]
        if number is None:
            return "-"
        self._lists[-1] = number + 1
        return f"{number}."

    def _close_list(self) -> None:
        self._lists.pop()
        if not self._lists:
            self.page.add("list", self._items)
            self._items = []

    def _close_table(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        lines = [table_row(row) for row in rows]
        lines.insert(1, "|" + "---|" * len(rows[0]))
        names = " | ".join(rows[0])
        self.page.add("table", [Fragment(line, None, "\n") for line in lines], header=names)

    def _code(self, content: str) -> None:
        lines = [
            clean(line.expandtabs(4)) if line.strip() else "" for line in content.split("\n")
        ]
        indents = [
            line[: len(line) - len(line.lstrip())].expandtabs(4) for line in content.split("\n")
        ]
        fragments = [
            Fragment(line.strip(), None, "\n" + indent)
            for line, indent in zip(lines, indents, strict=True)
        ]
        if self._lists:
            self._items.extend(fragments)
        else:
            self.page.add("code", fragments)

    def _text(self, tokens: Sequence["Token"]) -> str:
        pieces: list[str] = []
        for token in tokens:
            match token.type:
                case "text" | "code_inline":
                    pieces.append(clean(token.content))
                case "softbreak":
                    pieces.append(" ")
                case "hardbreak":
                    pieces.append("\n")
                case "image":
                    pieces.append(self._text(token.children or ()))
                case "html_inline":
                    self.counts["html_left_out"] += 1
        return "".join(pieces)
