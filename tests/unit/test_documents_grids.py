"""Words find their cells, and labels their drawing."""

import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest

from laid_out_lines import LONG, line, page_of, stack
from sfta.documents.pdf.figures import Figure, take_figures
from sfta.documents.pdf.glyphs import PrintedPage
from sfta.documents.pdf.tables import Note, markdown_row, rule_row, take_tables

# Tables, notes, figures


@dataclass
class Row:
    cells: list
    bbox: tuple


@dataclass
class Grid:
    """A table as PyMuPDF finds it: equal cells from the corner (100, 100)."""

    columns: tuple = (100, 100)
    count: int = 2
    rows: list = field(default_factory=list)

    def __post_init__(self):
        for n in range(self.count):
            x, cells = 100.0, []
            for width in self.columns:
                cells.append((x, 100.0 + 20 * n, x + width, 120.0 + 20 * n))
                x += width
            self.rows.append(Row(cells, (100.0, 100.0 + 20 * n, x, 120.0 + 20 * n)))

    @property
    def bbox(self):
        return (100.0, 100.0, self.rows[0].bbox[2], 100.0 + 20 * self.count)


@dataclass
class FakePage:
    grids: list

    def find_tables(self, *, use_layout):
        assert not use_layout, "the result must not depend on an installed model"
        sys.stdout.write("advice that must not reach the terminal")
        return self

    @property
    def tables(self):
        return self.grids


def cell(text, column, row, dx=4):
    return line(text, 100.0 + 100 * column + dx, 114.0 + 20 * row)


def taken(grid, *lines):
    page = page_of(*lines)
    return take_tables(FakePage([grid]), page), [i.text for i in page.lines]


def test_words_go_from_the_page_into_the_cells(capsys):
    found, left = taken(
        Grid(),
        cell("Code", 0, 0),
        cell("Action", 1, 0),
        cell("E-1", 0, 1),
        cell("fill up", 1, 1),
        line("outside", 50, 50),
    )
    assert [item.rows for item in found] == [(("Code", "Action"), ("E-1", "fill up"))]
    assert found[0].boxes[1] == (100.0, 120.0, 300.0, 140.0)
    assert left == ["outside"]
    assert capsys.readouterr().out == ""


def test_one_row_is_a_note():
    found, left = taken(Grid(count=1), cell("NOTE", 0, 0), cell("mind it", 1, 0))
    assert isinstance(found[0], Note)
    assert [[i.text for i in part] for part in found[0].cells] == [["NOTE"], ["mind it"]]
    assert left == []


@pytest.mark.parametrize(
    ("grid", "lines"),
    [
        (Grid(), []),
        (Grid(columns=(200,)), [cell("one", 0, 0), cell("two", 0, 1)]),
        (
            Grid(columns=(100,) * 6, count=3),
            [cell("a", 0, 0), cell("b", 1, 1), cell("c", 2, 2)],
        ),
        (
            Grid(columns=(100,) * 3),
            [cell(t, c, r) for c in (0, 2) for r, t in ((0, "x"), (1, "y"))],
        ),
    ],
    ids=["no words", "one column", "mostly empty", "boxes standing apart"],
)
def test_other_grids_are_left_to_the_text(grid, lines):
    found, left = taken(grid, *lines)
    assert found == []
    assert left == [item.text for item in lines]


def test_lines_of_a_cell_are_joined():
    grid = Grid()
    grid.rows[1].cells = [(100.0, 120.0, 200.0, 170.0), (200.0, 120.0, 300.0, 170.0)]
    grid.rows[1].bbox = (100.0, 120.0, 300.0, 170.0)
    grid.count = 4
    words = [
        cell("Code", 0, 0),
        cell("Action", 1, 0),
        cell("E-1", 0, 1),
        cell("com-", 1, 1),
        cell("press it", 1, 2),
    ]
    found, _ = taken(grid, *words)
    assert found[0].rows[1] == ("E-1", "compress it")


def test_markdown_rows_escape_bars():
    assert markdown_row(["a|b", ""]) == "| a\\|b |  |"
    assert rule_row(2) == "|---|---|"


def test_labels_inside_and_close_to_a_drawing_are_taken():
    page = page_of(
        line("Pump", 120, 150, size=8.0),
        line("Oil cooler", 220, 150, size=8.0),
        line("Time", 150, 210, size=8.0),
        line("This is prose far below the drawing", 72, 300),
    )
    (figure,) = take_figures(page, [(100.0, 100.0, 320.0, 200.0)], body_size=10.0)
    assert isinstance(figure, Figure)
    assert [[i.text for i in label] for label in figure.labels] == [
        ["Pump"],
        ["Oil cooler"],
        ["Time"],
    ]
    assert [i.text for i in page.lines] == ["This is prose far below the drawing"]
    assert figure.y1 >= 210


def test_lines_of_one_label_stay_together():
    page = page_of(line("Intake", 120, 150, size=8.0), line("filter", 120, 159, size=8.0))
    (figure,) = take_figures(page, [(100.0, 100.0, 320.0, 200.0)], body_size=10.0)
    assert [[i.text for i in label] for label in figure.labels] == [["Intake", "filter"]]


def test_prose_in_a_frame_is_no_figure():
    page = page_of(*stack([LONG, LONG], 110, 130))
    assert take_figures(page, [(100.0, 100.0, 520.0, 200.0)], body_size=10.0) == []
    assert len(page.lines) == 2


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_boxes_turn_back_to_the_page_as_shown(turn):
    page = PrintedPage(400.0, 600.0, turn, [], counts=Counter())
    size = (600.0, 400.0) if turn in (90, 270) else (400.0, 600.0)
    whole = page.shown((0.0, 0.0, *size))
    assert whole == (0.0, 0.0, 400.0, 600.0)
    x0, y0, x1, y1 = page.shown((10.0, 20.0, 40.0, 30.0))
    assert x0 < x1
    assert y0 < y1
    assert (x1 - x0) * (y1 - y0) == pytest.approx(300)
