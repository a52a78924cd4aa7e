"""Reads one Excel workbook: a sheet is a page, its name a heading, its regions are tables.

A formula counts with the value it showed when the file was last saved. Hidden sheets, rows
and columns are hidden text. Macros, links to other files and comments are not looked
at; pictures are counted.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import openpyxl

from sfta.documents.archive import check_archive, count_parts
from sfta.documents.damage import as_damage
from sfta.documents.document import (
    PICTURES_LEFT_OUT,
    Fragment,
    Page,
    PageWriter,
    Parsed,
    UnreadableError,
)
from sfta.documents.media import XLSX
from sfta.documents.parse import ParseOptions
from sfta.documents.rows import add_table
from sfta.documents.spelling import clean, invisible, tricks
from sfta.documents.titles import first_heading, usable_title
from sfta.documents.xlsx.layout import Layout, read_layouts
from sfta.documents.xlsx.numbers import shown_value

_PICTURES = "xl/media/"
_VISIBLE = "visible"
_NOTE_COLUMNS = 2  # the first is often an empty margin


def parse_xlsx(raw: bytes, options: ParseOptions) -> Parsed:
    """Sheets of an Excel workbook.

    Raises:
        UnreadableError: a damaged, encrypted or hostile file, or one of too many sheets.
    """
    check_archive(raw, options.unpacked_bytes, office=True)
    with as_damage("Excel workbook"), warnings.catch_warnings():
        # openpyxl warns of every extension it passes over.
        warnings.simplefilter("ignore")
        layouts = read_layouts(raw)
        workbook = openpyxl.load_workbook(
            BytesIO(raw), read_only=True, data_only=True, keep_links=False
        )
        if len(workbook.sheetnames) > options.most_pages:
            reason = f"it has {len(workbook.sheetnames)} sheets, "
            raise UnreadableError("too_large", reason + "more than ingest.limits.pages allows")
        reader = _Reader(options)
        pages = tuple(
            reader.sheet(number, sheet, layouts.get(sheet.title, Layout()))
            for number, sheet in enumerate(_sheets(workbook), 1)
        )
        title = usable_title(workbook.properties.title or "")
    reader.counts[PICTURES_LEFT_OUT] = count_parts(raw, _PICTURES)
    reader.counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(reader.counts.items()) if count}
    return Parsed(title or first_heading(pages), XLSX, pages, kept)


def _sheets(workbook: Any) -> list[Any]:
    """Sheets of all kinds, in the order of their tabs."""
    return [workbook[name] for name in workbook.sheetnames]


class _Reader:
    """Writes sheets into pages."""

    def __init__(self, options: ParseOptions) -> None:
        self.counts: Counter[str] = Counter()
        self._options = options

    def sheet(self, number: int, sheet: Any, layout: Layout) -> Page:
        """The page of one sheet; a hidden one is an empty page, so that numbers stay right."""
        page = PageWriter(number)
        if sheet.sheet_state != _VISIBLE:
            self.counts["sheets_hidden"] += 1
            page.flag("hidden_text")
            if self._options.drop_hidden:
                return page.page()
        if not hasattr(sheet, "iter_rows"):
            self.counts["charts_left_out"] += 1
            return page.page()
        self.counts["formulas_without_value"] += layout.uncalculated
        regions = list(_regions(self._rows(page, sheet, layout)))
        if regions:
            page.add("heading", [Fragment(_text(sheet.title))], level=1)
        for region in regions:
            self._region(page, region)
        return page.page()

    def _rows(self, page: PageWriter, sheet: Any, layout: Layout) -> Iterator[list[str]]:
        """Rows as text. A cell that is merged downwards says the same in each of its rows."""
        # What a sheet says about its size may be wrong by millions of cells.
        sheet.reset_dimensions()
        seen: dict[tuple[int, int], str] = {}
        holders = {(top, column) for (_, column), top in layout.above.items()}
        room = self._options.page_characters * self._options.most_pages
        for number, cells in enumerate(sheet.iter_rows(), 1):
            texts = [self._cell(page, cell) for cell in cells]
            for column, text in enumerate(texts, 1):
                if (number, column) in holders:
                    seen[number, column] = text
                elif not text and (number, column) in layout.above:
                    texts[column - 1] = seen.get((layout.above[number, column], column), "")
            room -= sum(map(len, texts))
            if room < 0:
                reason = "it holds more text than ingest.limits allows"
                raise UnreadableError("too_large", reason)
            yield self._shown(page, texts, number, layout)

    def _shown(
        self, page: PageWriter, texts: list[str], number: int, layout: Layout
    ) -> list[str]:
        hidden = [
            bool(text) and (number in layout.hidden_rows or column in layout.hidden_columns)
            for column, text in enumerate(texts, 1)
        ]
        if any(hidden):
            self.counts["hidden_spans"] += sum(hidden)
            page.flag("hidden_text")
        if not self._options.drop_hidden:
            return texts
        if number in layout.hidden_rows:
            return _GONE
        return ["" if gone else text for text, gone in zip(texts, hidden, strict=True)]

    def _cell(self, page: PageWriter, cell: Any) -> str:
        value = cell.value
        if value is None:
            return ""
        if not isinstance(value, str):
            return shown_value(value, cell.number_format)
        self.counts["invisible_characters"] += invisible(value)
        for reason in tricks(value):
            page.flag(reason)
        return _text(value)

    def _region(self, page: PageWriter, rows: Sequence[Sequence[str]]) -> None:
        """A table; lines of one cell above and below it are text about it."""
        wide = [number for number, row in enumerate(rows) if sum(map(bool, row)) > 1]
        first = wide[0] if wide else len(rows)
        last = len(rows)
        while len(wide) > 1 and _is_line(rows[last - 1]):
            last -= 1
        add_lines(page, rows[:first])
        self.counts["tables"] += add_table(page, rows[first:last])
        add_lines(page, rows[last:])


def _is_line(row: Sequence[str]) -> bool:
    """Whether a row says one thing at its beginning: a note below a table, and no total."""
    said = [column for column, text in enumerate(row) if text]
    return len(said) == 1 and said[0] < _NOTE_COLUMNS


_GONE: list[str] = []
"""Stands for a row that is not shown, which parts no tables as an empty one does."""


def add_lines(page: PageWriter, rows: Sequence[Sequence[str]]) -> None:
    """Append rows of one cell as paragraphs."""
    for row in rows:
        page.add("paragraph", [Fragment(cell) for cell in row if cell])


def _regions(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    """Rows between empty rows."""
    region: list[list[str]] = []
    for row in rows:
        if row is _GONE:
            continue
        if any(row):
            region.append(row)
        elif region:
            yield region
            region = []
    if region:
        yield region


def _text(raw: str) -> str:
    return " ".join(clean(raw).split())
