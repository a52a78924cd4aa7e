"""CSV and TSV: a table whose first record names the columns, a thousand records a page.

Pages after the first hold rows only; their table block still names the columns, and a chunk
that is cut from them carries the names in its heading.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from sfta_edge.documents.document import Fragment, Page, PageWriter, Parsed, UnreadableError
from sfta_edge.documents.media import TSV
from sfta_edge.documents.rows import add_rows, add_table
from sfta_edge.documents.spelling import clean, invisible, tricks

ROWS_PER_PAGE = 1000
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_RECORDS = 50
_SAMPLE_CHARACTERS = 1 << 16
_DECLARED = "sep="  # Excel's way to name the sign in the first line
_LARGEST_FIELD = 1 << 20


def parse_csv(text: str, media_type: str) -> Parsed:
    """The table of a file with one record on each line.

    Raises:
        UnreadableError: a field never ends or is longer than a page.
    """
    body = text.removeprefix("\ufeff")
    delimiter = "\t" if media_type == TSV else ""
    if body.lower().startswith(_DECLARED) and body[len(_DECLARED) :][1:2] in ("\n", ""):
        delimiter, body = body[len(_DECLARED)], body[len(_DECLARED) + 2 :]
    records = _records(body, delimiter or _delimiter(body))
    counts = Counter({"invisible_characters": invisible(text)})
    pages = tuple(_pages(records, tricks(text), counts))
    kept = {name: count for name, count in sorted(counts.items()) if count}
    return Parsed("", media_type, pages, kept)


def _delimiter(text: str) -> str:
    """The sign that parts most records into the same number of fields, more than one."""
    best, most = _DELIMITERS[0], 0
    for sign in _DELIMITERS:
        try:
            sample = list(islice(_records(text[:_SAMPLE_CHARACTERS], sign), _SAMPLE_RECORDS))
        except UnreadableError:
            continue
        widths = Counter(len(record) for record in sample if len(record) > 1)
        agreed = max(widths.values(), default=0)
        if agreed > most:
            best, most = sign, agreed
    return best


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Records with their fields on one line each; empty ones are passed over."""
    before = csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for record in reader:
            fields = [" ".join(clean(field).split()) for field in record]
            if any(fields):
                yield fields
    except csv.Error as error:
        raise UnreadableError("damaged", f"line {reader.line_num}: {error}") from error
    finally:
        csv.field_size_limit(before)


def _pages(
    records: Iterator[list[str]], flags: Sequence[str], counts: Counter[str]
) -> Iterator[Page]:
    names = next(records, [])
    for number, page in enumerate(_batches(records), 1):
        writer = PageWriter(number)
        if number == 1:
            for reason in flags:
                writer.flag(reason)
            counts["tables"] += add_table(writer, [names, *page])
        else:
            add_rows(writer, names, page)
        counts["records"] += len(page)
        yield writer.page()
    if not counts["records"]:
        writer = PageWriter(1)
        writer.add("paragraph", [Fragment(name) for name in names])
        yield writer.page()


def _batches(records: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while batch := list(islice(records, ROWS_PER_PAGE)):
        yield batch
