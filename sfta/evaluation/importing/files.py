"""Records of a file that somebody else has made: JSON, JSON lines, Parquet, or a table."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sfta.evaluation.importing import parquet
from sfta.evaluation.importing.packed import PARQUET, OpenFile
from sfta_edge.errors import ConfigError

TABLES = (".csv", ".tsv", ".tab")
_LARGEST_CELL = 1 << 20
_DELIMITERS = ",;\t|"
_DECLARED = "sep="  # Excel's way to name the sign in the first line
_SAMPLE_RECORDS = 50
_SAMPLE_CHARACTERS = 1 << 16
_UTF8 = "utf-8-sig"

Decode = Callable[[bytes], tuple[str, bool]]
"""Text of a file, and whether its encoding had to be guessed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, or why it cannot be read."""

    place: str
    """Where it stands, in words."""
    value: Any
    key: str = ""
    """Its name, where the file is one object of named records."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, opened."""

    entries: Iterator[Entry]
    table: bool = False
    encoding_guessed: bool = False


def open_source(path: Path, decode: Decode) -> Source:
    """The records of a file, read one by one where its form allows it.

    Gzip is unpacked on the way.

    Raises:
        ConfigError: there is no such file, it is damaged, too large, or no text.
    """
    file = OpenFile.at(path)
    if file.head == PARQUET:
        if file.packed:
            raise ConfigError(
                f"{path} is a Parquet file inside gzip", hint="Unpack it first: gunzip FILE."
            )
        found = enumerate(parquet.rows(path, file.size), 1)
        return Source(Entry(f"row {number}", record) for number, record in found)
    if file.suffix in TABLES:
        text, guessed = decode(file.whole())
        return Source(_table(text, file), table=True, encoding_guessed=guessed)
    return Source(_lines(file) if _has_lines(file) else _document(file))


def json_lines(path: Path) -> Iterator[Entry]:
    """The records of a file of JSON lines.

    Raises:
        ConfigError: it cannot be read.
    """
    yield from _lines(OpenFile.at(path))


def _has_lines(file: OpenFile) -> bool:
    """Whether each line is a record; a name that ends in .json does not tell."""
    every = file.lines(may_be_all=True)
    full = (line for line in every if line.strip(b"\xef\xbb\xbf \t\r\n"))
    first, second = (next(full, b"").strip() for _ in range(2))
    if not first or first.removeprefix(b"\xef\xbb\xbf")[:1] != b"{":
        return False
    if second:
        return second[:1] == b"{" or first[-1:] == b"}"
    return file.suffix in (".jsonl", ".ndjson")


def _lines(file: OpenFile) -> Iterator[Entry]:
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            yield _parsed(line, f"line {number}")


def _parsed(line: bytes, place: str) -> Entry:
    try:
        return Entry(place, json.loads(line.decode(_UTF8)))
    except (ValueError, RecursionError) as error:
        return Entry(place, None, problem=f"is not JSON: {error}")


def _document(file: OpenFile) -> Iterator[Entry]:
    """Records of one JSON value: a list, an object with a list `data`, or named records."""
    try:
        value = json.loads(file.whole().decode(_UTF8))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{file.path} is not JSON: {error}",
            hint="Give JSON, JSON lines, CSV, TSV or Parquet.",
        ) from error
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]
    if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        for key, record in value.items():
            yield Entry(f"record {key!r}", record, key)
        return
    for number, record in enumerate(value if isinstance(value, list) else [value], 1):
        yield Entry(f"record {number}", record)


def _table(text: str, file: OpenFile) -> Iterator[Entry]:
    body = text.removeprefix("\ufeff")
    delimiter = "\t" if file.suffix != ".csv" else ""
    if body.lower().startswith(_DECLARED) and body[len(_DECLARED) + 1 :][:1] in ("\n", "\r"):
        delimiter, body = body[len(_DECLARED)], body[len(_DECLARED) + 1 :].lstrip("\r\n")
    reader = _reader(body, delimiter or _delimiter(body))
    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        names = [name.strip() for name in next(reader, [])]
        if doubled := [name for name, count in Counter(names).items() if name and count > 1]:
            raise ConfigError(
                f"{file.path}: two columns have the name {doubled[0]!r}",
                hint="Rename one of them.",
            )
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(names, cells, reader.line_num)
    except csv.Error as error:
        raise ConfigError(f"{file.path}: line {reader.line_num} is no CSV: {error}") from error
    finally:
        csv.field_size_limit(before)


def _reader(text: str, delimiter: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _row(names: list[str], cells: list[str], line: int) -> Entry:
    # Spreadsheets write as many cells as their widest row has, and leave empty ones away.
    if any(cell.strip() for cell in cells[len(names) :]):
        what = f"has {len(cells)} cells, the head {len(names)}"
        return Entry(f"line {line}", None, problem=what)
    padded = cells + [""] * (len(names) - len(cells))
    named = zip(names, padded, strict=False)
    return Entry(f"line {line}", {name: cell for name, cell in named if name})


def _delimiter(text: str) -> str:
    """The sign that parts most records into the same number of cells, more than one."""
    best, most = _DELIMITERS[0], 0
    for sign in _DELIMITERS:
        try:
            sample = list(islice(_reader(text[:_SAMPLE_CHARACTERS], sign), _SAMPLE_RECORDS))
        except csv.Error:
            continue
        widths = Counter(len(record) for record in sample if len(record) > 1)
        agreed = max(widths.values(), default=0)
        if agreed > most:
            best, most = sign, agreed
    return best
