"""Grids that are ruled on a page: where lines cross, and which cells they enclose.

Lines that touch belong to one grid. A cell reaches from its upper left corner to the next line on
its right and below; a cell over several columns stands in the first one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sfta_edge.documents.document import Box

_SNAP = 2.0
"""Points: lines this close are one, and ends this close to a line touch it."""
_SHORTEST = 4.0
_MOST_LINES = 4000
_MOST_CELLS = 20_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A line along an axis, or a side of a box."""

    at: float
    """Where it stands: y of a line across, x of one down."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class GridRow:
    """Cells side by side; None where another cell reaches in, or nothing is enclosed."""

    bbox: Box
    cells: tuple[Box | None, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of cells, from top to bottom."""

    bbox: Box
    rows: tuple[GridRow, ...]


def find_grids(across: Sequence[Rule], down: Sequence[Rule]) -> list[Grid]:
    """All grids of a page that hold a cell."""
    across, down = _joined(across), _joined(down)
    if len(across) + len(down) > _MOST_LINES:
        return []
    grids = (_grid(*group) for group in _groups(across, down))
    return [grid for grid in grids if grid is not None]


def _joined(rules: Iterable[Rule]) -> list[Rule]:
    """Lines of one position as few as possible: pieces that touch are one line."""
    joined: list[Rule] = []
    at = 0.0
    for rule in sorted(rules, key=lambda r: r.at):
        # Lines of one row follow one another closely; the first of them names the position.
        at = at if joined and rule.at - at <= _SNAP else rule.at
        joined.append(Rule(at, rule.start, rule.end))
    merged: list[Rule] = []
    for rule in sorted(joined, key=lambda r: (r.at, r.start)):
        last = merged[-1] if merged else None
        if last and last.at == rule.at and rule.start <= last.end + _SNAP:
            merged[-1] = Rule(last.at, last.start, max(last.end, rule.end))
        else:
            merged.append(rule)
    return [rule for rule in merged if rule.end - rule.start >= _SHORTEST]


def _groups(
    across: Sequence[Rule], down: Sequence[Rule]
) -> list[tuple[list[Rule], list[Rule]]]:
    """Lines that touch one another, directly or through others."""
    parent = list(range(len(across) + len(down)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for i, row in enumerate(across):
        for j, column in enumerate(down):
            if _touch(row, column):
                parent[root(i)] = root(len(across) + j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for index, rule in enumerate((*across, *down)):
        groups.setdefault(root(index), ([], []))[index >= len(across)].append(rule)
    return [group for group in groups.values() if len(group[0]) > 1 and len(group[1]) > 1]


def _touch(row: Rule, column: Rule) -> bool:
    reaches = row.start - _SNAP <= column.at <= row.end + _SNAP
    return reaches and column.start - _SNAP <= row.at <= column.end + _SNAP


def _grid(across: Sequence[Rule], down: Sequence[Rule]) -> Grid | None:
    ys, xs = sorted({rule.at for rule in across}), sorted({rule.at for rule in down})
    if (len(xs) - 1) * (len(ys) - 1) > _MOST_CELLS:
        return None
    taken: set[tuple[int, int]] = set()
    rows: list[GridRow] = []
    for top in range(len(ys) - 1):
        cells: list[Box | None] = []
        for left in range(len(xs) - 1):
            found = _cell(xs, ys, left, top, across, down)
            right, bottom = found or (left, top)
            covered = {(y, x) for y in range(top, bottom) for x in range(left, right)}
            if covered and not covered & taken:
                taken |= covered
                cells.append((xs[left], ys[top], xs[right], ys[bottom]))
            else:
                cells.append(None)
        rows.append(GridRow((xs[0], ys[top], xs[-1], ys[top + 1]), tuple(cells)))
    if not any(cell for row in rows for cell in row.cells):
        return None
    return Grid((xs[0], ys[0], xs[-1], ys[-1]), tuple(rows))


def _cell(
    xs: Sequence[float],
    ys: Sequence[float],
    left: int,
    top: int,
    across: Sequence[Rule],
    down: Sequence[Rule],
) -> tuple[int, int] | None:
    """Column and row where the cell ends whose upper left corner is given."""
    bottom = next(
        (
            y
            for y in range(top + 1, len(ys))
            if _is_ruled(across, ys[y], xs[left], xs[left + 1])
        ),
        None,
    )
    if bottom is None or not _is_ruled(across, ys[top], xs[left], xs[left + 1]):
        return None
    right = next(
        (x for x in range(left + 1, len(xs)) if _is_ruled(down, xs[x], ys[top], ys[top + 1])),
        None,
    )
    if right is None or not _is_ruled(down, xs[left], ys[top], ys[top + 1]):
        return None
    return right, bottom


def _is_ruled(rules: Sequence[Rule], at: float, start: float, end: float) -> bool:
    """Whether a line covers the stretch between two crossings."""
    return any(
        rule.at == at and rule.start <= start + _SNAP and end - _SNAP <= rule.end
        for rule in rules
    )
