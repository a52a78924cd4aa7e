"""What a sheet hides and joins: read from its XML, because streaming cells do not say it."""

import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from posixpath import join, normpath
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring, iterparse
from openpyxl.utils.cell import range_boundaries

from sfta.documents.document import UnreadableError

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MOST_ROWS = 1 << 20
_MOST_COLUMNS = 1 << 14
_MOST_MERGED = 1_000_000  # cells that merging may fill
_HIDDEN = frozenset(("1", "true"))


@dataclass(slots=True)
class Layout:
    """One sheet without its values; rows and columns count from 1."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    above: dict[tuple[int, int], int] = field(default_factory=dict)
    """For each row and column that is merged upwards, the row that holds the value."""
    uncalculated: int = 0
    """Formulas without the value that was shown last."""


def read_layouts(raw: bytes) -> dict[str, Layout]:
    """Layouts of the worksheets by name.

    Raises:
        UnreadableError: a sheet claims rows or columns that no sheet has.
    """
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        return {
            name: _layout(archive, part)
            for name, part in _parts(archive).items()
            if part in archive.namelist()
        }


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Part of each sheet by its name."""
    folder, relations = _workbook(archive)
    root = fromstring(archive.read(folder[1]))
    found: dict[str, str] = {}
    for sheet in root.iter(f"{_MAIN}sheet"):
        target = relations.get(sheet.get(_ID, ""), "")
        part = target.lstrip("/") if target.startswith("/") else join(folder[0], target)
        found[sheet.get("name", "")] = normpath(part)
    return found


def _workbook(archive: zipfile.ZipFile) -> tuple[tuple[str, str], dict[str, str]]:
    """Folder and part of the workbook, and where its relations lead."""
    root = fromstring(archive.read("_rels/.rels"))
    part = next(
        (r.get("Target", "") for r in root if r.get("Type", "").endswith("/officeDocument")),
        "xl/workbook.xml",
    ).lstrip("/")
    folder, _, name = part.rpartition("/")
    relations = fromstring(archive.read(f"{folder}/_rels/{name}.rels".lstrip("/")))
    return (folder, part), {r.get("Id", ""): r.get("Target", "") for r in relations}


def _layout(archive: zipfile.ZipFile, part: str) -> Layout:
    found = Layout()
    at = 0
    with archive.open(part) as stream:
        for _, element in iterparse(stream, forbid_dtd=True):
            if element.tag == f"{_MAIN}row":
                at = _row(element, found, at)
                element.clear()
            elif element.tag == f"{_MAIN}col":
                _columns(element, found)
            elif element.tag == f"{_MAIN}mergeCell":
                _merge(element, found)
    return found


def _row(element: Element, found: Layout, before: int) -> int:
    number = int(element.get("r") or before + 1)
    if not 0 < number <= _MOST_ROWS:
        raise UnreadableError("damaged", f"a sheet of it claims to have a row {number}")
    if element.get("hidden") in _HIDDEN:
        found.hidden_rows.add(number)
    for cell in element.iter(f"{_MAIN}c"):
        has_formula = cell.find(f"{_MAIN}f") is not None
        found.uncalculated += has_formula and not cell.findtext(f"{_MAIN}v")
    return number


def _columns(element: Element, found: Layout) -> None:
    if element.get("hidden") in _HIDDEN:
        first, last = int(element.get("min", "1")), int(element.get("max", "1"))
        found.hidden_columns |= set(range(max(first, 1), min(last, _MOST_COLUMNS) + 1))


def _merge(element: Any, found: Layout) -> None:
    left, top, right, bottom = range_boundaries(element.get("ref", ""))
    if (bottom - top) * (right - left + 1) + len(found.above) > _MOST_MERGED:
        return
    for row in range(top + 1, bottom + 1):
        found.above[row, left] = top
