"""Text of shapes: paragraphs, items with the marks PowerPoint draws, tables and charts."""

from collections.abc import Iterator, Sequence
from typing import Any

from pptx.oxml.ns import qn

from sfta.documents.document import Fragment, PageWriter
from sfta.documents.rows import Row, add_table
from sfta.documents.spelling import clean, superscript, tricks

_LETTERS = {qn("a:br"): " ", qn("a:tab"): " "}


def add_text(page: PageWriter, body: Any, *, items: bool) -> bool:
    """Append the paragraphs of a text body, its items as lists; return whether it held text.

    Args:
        page: where to.
        body: an element that holds `a:p` elements.
        items: whether its paragraphs carry bullets unless they say otherwise.
    """
    waiting: list[Fragment] = []
    counters: dict[int, int] = {}
    paragraphs = [p for p in body.iterchildren(qn("a:p")) if text_of(p).strip()]
    for paragraph in paragraphs:
        text = shown(page, text_of(paragraph))
        level = _level(paragraph)
        mark = _mark(paragraph, level, counters, items=items and len(paragraphs) > 1)
        if mark:
            waiting.append(Fragment(f"{mark} {text}", None, "\n" + "  " * level))
        else:
            page.add("list", waiting)
            waiting = []
            page.add("paragraph", [Fragment(text)])
    page.add("list", waiting)
    return bool(paragraphs)


def all_text(page: PageWriter, body: Any) -> str:
    """The paragraphs of a text body on one line."""
    return shown(page, " ".join(text_of(p) for p in body.iter(qn("a:p"))))


def text_of(paragraph: Any) -> str:
    """The text of an `a:p` element: runs, fields and breaks; raised digits stay raised."""
    parts: list[str] = []
    for child in paragraph.iterchildren():
        if child.tag in _LETTERS:
            parts.append(_LETTERS[child.tag])
            continue
        text = child.findtext(qn("a:t")) or ""
        properties = child.find(qn("a:rPr"))
        baseline = "" if properties is None else properties.get("baseline", "")
        raised = baseline and not baseline.startswith("-") and baseline != "0"
        parts.append((superscript(text) or text) if raised and text else text)
    return "".join(parts)


def shown(page: PageWriter, raw: str) -> str:
    """The text as a reader sees it, on one line; what hides or turns it around is flagged."""
    for reason in tricks(raw):
        page.flag(reason)
    return " ".join(clean(raw).split())


def add_grid(page: PageWriter, table: Any) -> bool:
    """Append an `a:tbl`; a cell that is merged downwards says the same in each of its rows."""
    rows: list[list[str]] = []
    for row in table.iterchildren(qn("a:tr")):
        above = rows[-1] if rows else []
        texts: list[str] = []
        for at, cell in enumerate(row.iterchildren(qn("a:tc"))):
            if _is_on(cell, "vMerge"):
                texts.append(above[at] if at < len(above) else "")
            else:
                texts.append("" if _is_on(cell, "hMerge") else all_text(page, cell))
        rows.append(texts)
    return add_table(page, rows)


def add_chart(page: PageWriter, chart: Any) -> bool:
    """Append the numbers a chart draws, one row for each category; False if it has none."""
    if chart.has_title and chart.chart_title.has_text_frame:
        page.add("caption", [Fragment(shown(page, chart.chart_title.text_frame.text))])
    rows = list(_chart_rows(chart))
    return bool(rows) and add_table(page, rows)


def _chart_rows(chart: Any) -> Iterator[Row]:
    plot = next(iter(chart.plots), None)
    categories = [] if plot is None else [str(category) for category in plot.categories]
    if plot is None or not categories:
        return
    yield ["", *(clean(series.name or "") for series in plot.series)]
    columns: list[Sequence[float | None]] = [series.values for series in plot.series]
    for number, category in enumerate(categories):
        values = [column[number] if number < len(column) else None for column in columns]
        yield [
            " ".join(clean(category).split()),
            *("" if value is None else f"{value:.15g}" for value in values),
        ]


def _is_on(element: Any, name: str) -> bool:
    return element.get(name) in ("1", "true")


def _level(paragraph: Any) -> int:
    properties = paragraph.find(qn("a:pPr"))
    level = "" if properties is None else properties.get("lvl", "")
    return int(level) if level in tuple("012345678") and level else 0


def _mark(element: Any, level: int, counters: dict[int, int], *, items: bool) -> str:
    """What is drawn before a paragraph: a bullet, a number, or nothing."""
    properties = element.find(qn("a:pPr"))
    for deeper in [at for at in counters if at > level]:
        del counters[deeper]
    if properties is not None:
        number = properties.find(qn("a:buAutoNum"))
        if number is not None:
            start = number.get("startAt", "1")
            first = int(start) if start.isdecimal() and len(start) < 6 else 1
            counters[level] = counters.get(level, first - 1) + 1
            return f"{counters[level]}."
        if properties.find(qn("a:buNone")) is not None:
            return ""
        if properties.find(qn("a:buChar")) is not None:
            return "-"
    counters.pop(level, None)
    return "-" if items else ""
