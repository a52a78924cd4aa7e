"""Tables that are ruled and figures that are drawn, as PDFium shows them."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handed_in_files import PROSE, pdf, typed
from sfta_edge.documents.pdf.grids import Rule, find_grids
from sfta_edge.documents.pdf.reader import parse_pdf
from sfta_edge.documents.rules import ReadOptions

DOCUMENTS = Path(__file__).parents[2] / "configs/quickstart/documents"
ROWS = [
    ["Code", "Meaning", "What to do"],
    ["E-114", "Too hot", "Stop"],
    ["E-115", "Low oil", "Add"],
]
WIDTHS = (80, 120, 150)


def table(canvas, x=72, y=600, step=18, *, rows=ROWS, boxes=False):
    """A ruled table, of lines or of one box for each cell; its upper edge is at y."""
    edges = [x + sum(WIDTHS[:n]) for n in range(len(WIDTHS) + 1)]
    for number, row in enumerate(rows):
        top = y - number * step
        for edge, width, cell in zip(edges, WIDTHS, row, strict=False):
            typed(canvas, edge + 4, top - 13, cell, size=9)
            if boxes:
                canvas.rect(edge, top - step, width, step)
    if not boxes:
        for number in range(len(rows) + 1):
            canvas.line(edges[0], y - number * step, edges[-1], y - number * step)
        for edge in edges:
            canvas.line(edge, y, edge, y - len(rows) * step)


def page_of(draw, **options):
    return parse_pdf(pdf(draw), ReadOptions(**options)).pages[0]


@pytest.mark.parametrize("boxes", [False, True])
def test_a_ruled_table_becomes_rows_with_its_column_names(boxes):
    def draw(canvas):
        typed(canvas, 72, 720, PROSE)
        table(canvas, boxes=boxes)
        typed(canvas, 72, 480, PROSE)

    page = page_of(draw)
    (block,) = [block for block in page.blocks if block.kind == "table"]
    assert page.text[block.start : block.end] == (
        "| Code | Meaning | What to do |\n|---|---|---|\n"
        "| E-114 | Too hot | Stop |\n| E-115 | Low oil | Add |"
    )
    assert block.header == "Code | Meaning | What to do"
    assert page.text.count(PROSE) == 2


def test_a_table_may_stay_lines_of_text():
    page = page_of(table, tables=False)
    assert not any(block.kind == "table" for block in page.blocks)


def test_a_row_of_a_table_has_its_box():
    page = page_of(table)
    boxes = [line for line in page.lines if "E-114" in page.text[line.start : line.end]]
    assert boxes
    assert (boxes[0].x0, boxes[0].x1) == pytest.approx((72, 72 + sum(WIDTHS)), abs=3)
    assert boxes[0].y0 == pytest.approx(842 - 600 + 18, abs=3)


def test_the_labels_of_a_drawing_do_not_break_into_the_text():
    def draw(canvas):
        typed(canvas, 72, 720, PROSE)
        for number, name in enumerate(("Inlet", "Rotor", "Outlet")):
            canvas.roundRect(100 + 110 * number, 520, 110, 60, 6)
            typed(canvas, 120 + 110 * number, 548, name, size=8)
        typed(canvas, 72, 460, PROSE)

    text = page_of(draw).text
    assert text.count(PROSE) == 2
    assert text.index("Inlet") < text.index("Rotor") < text.index("Outlet")


def test_a_box_around_a_note_is_no_table():
    def draw(canvas):
        typed(canvas, 72, 720, PROSE)
        canvas.rect(60, 560, 460, 60)
        typed(canvas, 72, 596, "WARNING: " + PROSE[:100])

    page = page_of(draw)
    assert not any(block.kind == "table" for block in page.blocks)
    assert "WARNING: " + PROSE[:100].strip() in page.text


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("*.pdf")), ids=lambda path: path.stem)
def test_the_manuals_read_as_in_the_factory(path):
    parse = pytest.importorskip("sfta.documents.parse")
    raw = path.read_bytes()
    ours = parse_pdf(raw, ReadOptions())
    theirs = parse.parse(raw, path.name, parse.ParseOptions())
    assert ours.title == theirs.title
    pairs = list(zip(ours.pages, theirs.pages, strict=True))
    same = sum(mine.text == other.text for mine, other in pairs)
    # One figure of one manual is clustered otherwise.
    assert same >= len(pairs) - 1
    assert [
        (b.kind, b.level, mine.text[b.start : b.end])
        for mine, _ in pairs
        for b in mine.blocks
        if b.kind == "heading"
    ] == [
        (b.kind, b.level, other.text[b.start : b.end])
        for _, other in pairs
        for b in other.blocks
        if b.kind == "heading"
    ]


def grid_rules(xs, ys):
    across = [Rule(y, xs[0], xs[-1]) for y in ys]
    return across, [Rule(x, ys[0], ys[-1]) for x in xs]


positions = st.lists(st.integers(1, 40), min_size=2, max_size=6, unique=True).map(
    lambda places: [10.0 * place for place in sorted(places)]
)


@given(positions, positions)
def test_every_cell_of_a_whole_grid_is_found(xs, ys):
    (grid,) = find_grids(*grid_rules(xs, ys))
    assert grid.bbox == (xs[0], ys[0], xs[-1], ys[-1])
    assert len(grid.rows) == len(ys) - 1
    for row, top, bottom in zip(grid.rows, ys, ys[1:], strict=False):
        assert list(row.cells) == [(left, top, right, bottom) for left, right in pairwise(xs)]


rules = st.lists(
    st.builds(Rule, *[st.floats(0, 500)] * 3).map(
        lambda r: Rule(r.at, min(r.start, r.end), max(r.start, r.end))
    ),
    max_size=12,
)


@given(rules, rules)
def test_cells_of_any_lines_lie_in_their_grid_and_do_not_overlap(across, down):
    for grid in find_grids(across, down):
        cells = [cell for row in grid.rows for cell in row.cells if cell]
        for number, (x0, y0, x1, y1) in enumerate(cells):
            assert grid.bbox[0] <= x0 < x1 <= grid.bbox[2]
            assert grid.bbox[1] <= y0 < y1 <= grid.bbox[3]
            for a0, b0, a1, b1 in cells[:number]:
                assert min(x1, a1) <= max(x0, a0) or min(y1, b1) <= max(y0, b0)


def test_a_cell_over_two_columns_stands_in_the_first():
    across, down = grid_rules([0.0, 100.0, 200.0], [0.0, 20.0, 40.0])
    down[1] = Rule(100.0, 20.0, 40.0)
    (grid,) = find_grids(across, down)
    assert grid.rows[0].cells == ((0.0, 0.0, 200.0, 20.0), None)
    assert grid.rows[1].cells == ((0.0, 20.0, 100.0, 40.0), (100.0, 20.0, 200.0, 40.0))


def test_two_grids_apart_are_two():
    first, second = (
        grid_rules([0.0, 50.0], [0.0, 50.0]),
        grid_rules([90.0, 140.0], [90.0, 140.0]),
    )
    grids = find_grids([*first[0], *second[0]], [*first[1], *second[1]])
    assert sorted(grid.bbox[0] for grid in grids) == [0.0, 90.0]


def test_a_drawing_of_many_thousand_lines_is_no_grid():
    lines = [Rule(3.0 * number, 0, 9000) for number in range(2500)]
    assert find_grids(lines, lines) == []
