"""JSON and JSON lines: names become headings, simple values lines, equal records a table.

Each record of a list of records is a page, with its place in the list as number. Numbers stay
as they are written. JSON that holds one thing is one page.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sfta.documents.document import Fragment, Page, PageWriter, Parsed, UnreadableError
from sfta.documents.media import JSON_LINES
from sfta.documents.rows import add_table
from sfta.documents.spelling import clean, invisible, tricks
from sfta.documents.titles import first_heading

_LONG_CHARACTERS = 200
_MOST_COLUMNS = 20
_DEEPEST_HEADING = 6
_DEEPEST = 100
_TITLES = ("title", "name", "heading", "subject", "question")
_WORDS = {True: "true", False: "false", None: ""}


def parse_json(text: str, media_type: str) -> Parsed:
    """Records, or the parts of one object.

    Raises:
        UnreadableError: no JSON, with the line that is wrong; or nested too deeply.
    """
    counts: Counter[str] = Counter({"invisible_characters": invisible(text)})
    body = text.removeprefix("\ufeff")
    value = _lines(body, counts) if media_type == JSON_LINES else _whole(body, counts)
    pages = tuple(_pages(value))
    flagged = PageWriter(1)
    for reason in tricks(text):
        flagged.flag(reason)
    if pages and (flags := flagged.page().flags):
        pages = (Page(1, pages[0].text, blocks=pages[0].blocks, flags=flags), *pages[1:])
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed(first_heading(pages[:1]), media_type, pages, kept)


def _whole(text: str, counts: Counter[str]) -> Any:
    try:
        return _decoder(counts).decode(text)
    except json.JSONDecodeError as error:
        if "\n" in text.strip() and error.msg == "Extra data":
            return _lines(text, counts)
        reason = f"line {error.lineno} is no JSON: {error.msg}"
        raise UnreadableError("damaged", reason) from error


def _lines(text: str, counts: Counter[str]) -> list[Any]:
    """One record for each line; a line that is none is counted and left out."""
    decoder = _decoder(counts)
    records: list[Any] = []
    first = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(decoder.decode(line.strip()))
        except json.JSONDecodeError as error:
            counts["records_unreadable"] += 1
            first = first or f"line {number} is no JSON: {error.msg}"
    counts["records"] = len(records)
    if counts["records_unreadable"] >= max(len(records), 1):
        raise UnreadableError("damaged", first)
    return records


def _decoder(counts: Counter[str]) -> json.JSONDecoder:
    """Numbers as text: no digit is lost. Of a name that comes twice both values stay."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in found:
            free, times = name, 1
            while free in kept:
                times += 1
                free = f"{name} ({times})"
            kept[free] = value
            counts["names_repeated"] += times > 1
        return kept

    return json.JSONDecoder(
        object_pairs_hook=pairs, parse_float=str, parse_int=str, parse_constant=str
    )


def _pages(value: Any) -> Iterator[Page]:
    records = (
        value if isinstance(value, list) and all(isinstance(i, dict) for i in value) else None
    )
    if not records or _columns(records):
        writer = PageWriter(1)
        _add(writer, value, 1, 0)
        yield writer.page()
        return
    for number, record in enumerate(records, 1):
        writer = PageWriter(number)
        _add(writer, record, 1, 0)
        yield writer.page()


def _add(page: PageWriter, value: Any, level: int, depth: int) -> None:
    """Append a value, its headings of `level` and deeper."""
    if depth > _DEEPEST:
        raise UnreadableError("damaged", "it is nested too deeply")
    if isinstance(value, dict):
        _add_object(page, value, level, depth)
    elif isinstance(value, list):
        _add_list(page, value, level, depth)
    else:
        for line in _shown(value).split("\n"):
            page.add("paragraph", [Fragment(line)])


def _add_object(page: PageWriter, value: dict[str, Any], level: int, depth: int) -> None:
    title = next((name for name in _TITLES if _is_title(value.get(name))), "")
    if title:
        _heading(page, _shown(value[title]), level)
        level += 1
    simple = {n: v for n, v in value.items() if n != title and _is_short(v)}
    lines = [f"{_one_line(n)}: {_shown(v)}" for n, v in simple.items() if _shown(v)]
    page.add("list", [Fragment(line, None, "\n") for line in lines])
    for name, part in value.items():
        if name not in simple and name != title and part:
            _heading(page, _one_line(name), level)
            _add(page, part, level + 1, depth + 1)


def _add_list(page: PageWriter, value: list[Any], level: int, depth: int) -> None:
    if names := _columns(value):
        rows = [[_shown(record.get(name)) for name in names] for record in value]
        add_table(page, [[_one_line(name) for name in names], *rows])
        return
    simple = [f"- {_shown(v)}" for v in value if _is_short(v) and _shown(v)]
    page.add("list", [Fragment(line, None, "\n") for line in simple])
    for part in value:
        if not _is_short(part):
            _add(page, part, level, depth + 1)


def _columns(value: Any) -> list[str]:
    """Names that make a table of a list: two records or more, short and simple values."""
    if not isinstance(value, list) or len(value) < 2:
        return []
    if not all(isinstance(record, dict) for record in value):
        return []
    if not all(_is_cell(part) for record in value for part in record.values()):
        return []
    names = list(dict.fromkeys(name for record in value for name in record))
    return names if 2 <= len(names) <= _MOST_COLUMNS else []


def _is_title(value: Any) -> bool:
    return isinstance(value, str) and _is_cell(value) and bool(_shown(value))


def _is_short(value: Any) -> bool:
    """Whether a value fits on a line: no object, and no text that is one of its own."""
    if isinstance(value, list):
        return bool(value) and all(_is_cell(part) for part in value) and _length(value) <= 200
    return _is_cell(value)


def _is_cell(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONG_CHARACTERS and "\n" not in value.strip()
    return not isinstance(value, dict | list)


def _length(value: Sequence[Any]) -> int:
    return sum(len(_shown(part)) + 2 for part in value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(part) for part in value)
    if not isinstance(value, str):
        return _WORDS[value]
    lines = (" ".join(clean(line).split()) for line in value.split("\n"))
    return "\n".join(line for line in lines if line)


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _heading(page: PageWriter, text: str, level: int) -> None:
    page.add("heading", [Fragment(text)], level=min(level, _DEEPEST_HEADING))
