"""The rules that turn printed lines into columns, groups, headings and running lines."""

import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest

from sfta.documents.pdf import boxes, running
from sfta.documents.pdf.figures import Figure, take_figures
from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word, merge, split_at_gaps
from sfta.documents.pdf.grouping import Lines, Typography, group, is_bullet, marker_of
from sfta.documents.pdf.headings import Headings, Outline
from sfta.documents.pdf.order import Column, columns, rows_of
from sfta.documents.pdf.tables import Note, Table, markdown_row, rule_row, take_tables

CHAR = 5.0  # every letter is this wide in these tests


def word(text, x, y, *, size=10.0, bold=False, mono=False):
    return Word(text, x, y - 8, x + CHAR * len(text), y + 2, y, size, bold, mono)


def line(text, x=72.0, y=100.0, **style):
    words = []
    for piece in text.split(" "):
        if piece:
            words.append(word(piece, x, y, **style))
        x += CHAR * (len(piece) + 1)
    return TextLine(tuple(words))


def stack(texts, x=72.0, y=100.0, step=14.0, **style):
    return [line(text, x, y + step * n, **style) for n, text in enumerate(texts)]


def page_of(*lines, width=600.0, height=800.0):
    return PrintedPage(width, height, 0, list(lines))


def typography(**changes):
    values = {
        "body_size": 10.0,
        "mono_body": False,
        "leading": {10.0: 14.0},
        "words": frozenset(),
    }
    return Typography(**(values | changes))


def grouped(lines, **style):
    found = group([Column(tuple(lines))], typography(**style))
    return [g.text if isinstance(g, Lines) else g for g in found]


LONG = "this line reaches the right edge of the text column it stands in"


# Boxes and lines


def test_boxes_share_what_both_hold():
    assert boxes.overlap((0, 0, 10, 10), (5, 5, 20, 20)) == (5, 5, 10, 10)
    assert boxes.area((0, 0, 10, 5)) == 50
    assert boxes.area(boxes.overlap((0, 0, 1, 1), (5, 5, 6, 6))) == 0
    assert boxes.holds((0, 0, 10, 10), 10, 0)
    assert not boxes.holds((0, 0, 10, 10), 11, 0)


def test_a_line_knows_its_box_and_its_main_style():
    words = (word("Big", 72, 100, size=12.0, bold=True), word("and smaller", 100, 100))
    made = TextLine(words)
    assert (made.x0, made.x1, made.y0, made.y1) == (72, 155, 92, 102)
    assert made.size == 10.0, "most characters are small"
    assert not made.bold
    assert made.text == "Big and smaller"


def test_a_line_is_cut_at_wide_gaps_only():
    wide = TextLine((*line("left part").words, *line("right part", 300).words))
    assert [piece.text for piece in split_at_gaps(wide, 1.0)] == ["left part", "right part"]
    assert [piece.text for piece in split_at_gaps(line("one two three"), 1.0)] == [
        "one two three"
    ]
    assert merge(split_at_gaps(wide, 1.0)) == wide


# Reading order


def texts_of(found):
    return [[item.text for item in column.items] for column in found]


def test_lines_of_one_column_are_read_from_top_to_bottom():
    lines = stack([LONG, "second", "third"])
    assert texts_of(columns(lines[::-1])) == [[LONG, "second", "third"]]


def test_pieces_on_one_baseline_are_one_line():
    assert texts_of(columns([line("4.2"), line("Starting", 130)])) == [["4.2 Starting"]]


def test_columns_without_common_baselines_are_told_apart():
    left = stack([f"left column line {n}" for n in range(5)], 50)
    right = stack([f"right column line {n}" for n in range(5)], 300, y=106.5)
    assert texts_of(columns([*left, *right])) == [
        [f"left column line {n}" for n in range(5)],
        [f"right column line {n}" for n in range(5)],
    ]


def test_a_heading_over_both_columns_comes_first_and_a_line_below_last():
    left = stack([f"left column line {n}" for n in range(5)], 50, y=140)
    right = stack([f"right column line {n}" for n in range(5)], 300, y=140)
    above = line("a title that spans both columns of the page below it", 50, 100)
    below = line("closing words that span both columns of the page above", 50, 260)
    found = texts_of(columns([below, *right, *left, above]))
    assert found[0] == [above.text]
    assert [column[0] for column in found[1:3]] == ["left column line 0", "right column line 0"]
    assert found[3] == [below.text]


def test_a_longer_left_column_is_read_to_its_end_first():
    left = stack([f"left column line {n}" for n in range(9)], 50)
    right = stack([f"right column line {n}" for n in range(4)], 300)
    assert [len(column) for column in texts_of(columns([*right, *left]))] == [9, 4]


def test_a_heading_below_the_columns_is_not_part_of_the_left_one():
    left = stack([f"left column line {n}" for n in range(5)], 50)
    right = stack([f"right column line {n}" for n in range(5)], 300)
    heading = line("5 Next chapter", 50, 190, size=17.0, bold=True)
    found = texts_of(columns([heading, *left, *right]))
    assert found[-1] == ["5 Next chapter"]


def test_cells_of_an_unruled_table_are_read_row_by_row():
    rows = [(f"key {n}", f"value {n}") for n in range(6)]
    lines = []
    for n, (key, value) in enumerate(rows):
        lines += [line(key, 72, 100 + 14 * n), line(value, 300, 100 + 14 * n)]
    assert texts_of(columns(lines)) == [[f"key {n} value {n}" for n in range(6)]]


def test_a_table_keeps_its_place_in_its_column():
    left = stack([f"left column line {n}" for n in range(4)], 50)
    right = stack([f"right column line {n}" for n in range(8)], 300)
    grid = Table(50, 160, 250, 200, (("a", "b"), ("c", "d")), ((50, 160, 250, 180),) * 2)
    found = columns([grid, *left, *right])
    assert found[0].items[-1] is grid


def test_rows_do_not_take_in_what_stands_lower():
    assert [len(row) for row in rows_of(stack(["one", "two"], step=6))] == [1, 1]
    close = [line("one", 72, 100), line("two", 150, 102)]
    assert [len(row) for row in rows_of(close)] == [2]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_lines_are_no_columns(count):
    left = stack(["left column line"] * count, 50)
    right = stack(["right column line"] * count, 300)
    assert len(columns([*left, *right])) <= 1


def test_order_is_not_lost_in_a_deep_page():
    lines = []
    for band in range(20):
        y = 40 + band * 36
        lines += [line(f"band {band} left side text {n}", 40, y + 9 * n) for n in range(3)]
        lines += [line(f"band {band} right side text {n}", 320, y + 9 * n) for n in range(3)]
    found = texts_of(columns(lines))
    assert sum(len(column) for column in found) == 120


# Running lines


def pages_with(top, bottom, count=6):
    return [
        page_of(
            *([line(top(n), 72, 40)] if top else []),
            *stack([f"body {n} line {i}" for i in range(20)], y=120),
            *([line(bottom(n), 72, 780)] if bottom else []),
        )
        for n in range(1, count + 1)
    ]


def body_lines(pages):
    return [len(page.lines) for page in pages]


@pytest.mark.parametrize(
    ("top", "bottom"),
    [
        (lambda n: "The same title", None),
        (None, lambda n: f"edition 4, page {n} of 9"),
        (lambda n: "even title" if n % 2 else "odd title", lambda n: f"- {n} -"),
        (None, lambda n: ["i", "ii", "iii", "iv", "v", "vi"][n - 1]),
        (None, lambda n: str(n + 120)),
    ],
)
def test_lines_that_repeat_or_count_at_the_edge_go(top, bottom):
    pages = pages_with(top, bottom)
    dropped = running.drop_running_lines(pages)
    assert body_lines(pages) == [20] * 6
    assert dropped == 6 * (bool(top) + bool(bottom))


def test_a_chapter_name_beside_a_running_title_goes_with_it():
    pages = [
        page_of(
            TextLine(
                (
                    *line("The manual", 72, 40).words,
                    *line(f"Chapter {'abc'[n % 3]}", 400, 40).words,
                )
            ),
            *stack([f"body {n} line {i}" for i in range(20)], y=120),
        )
        for n in range(6)
    ]
    running.drop_running_lines(pages)
    assert body_lines(pages) == [20] * 6


def test_numbers_that_do_not_count_stay():
    pages = pages_with(None, lambda n: str([7, 31, 4, 90, 55, 12][n - 1]))
    # The same mask on every page makes it a running line; different words do not.
    for n, page in enumerate(pages):
        page.lines[-1] = line(f"{'ab' * (n + 1)} stands here", 72, 780)
    running.drop_running_lines(pages)
    assert body_lines(pages) == [21] * 6


def test_one_page_has_no_running_lines():
    pages = pages_with(lambda n: "Title", lambda n: "1", count=1)
    assert running.drop_running_lines(pages) == 0
    assert body_lines(pages) == [22]


def test_the_first_line_of_the_body_stays_where_it_begins_alike():
    pages = [
        page_of(
            line("Running title", 72, 40),
            *stack(["Wear gloves at all times.", *(f"body {n} {i}" for i in range(9))], y=100),
        )
        for n in range(5)
    ]
    running.drop_running_lines(pages)
    assert {page.lines[0].text for page in pages} == {"Wear gloves at all times."}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("- 12 -", 12),
        ("Page 3 of 20", 3),
        ("Seite 4 von 9", 4),
        ("iv", 4),
        ("xlii", 42),
        ("7/20", 7),
        ("Chapter 4", None),
        ("12 bar", None),
        ("12345", None),
    ],
)
def test_page_numbers_are_recognised(text, number):
    assert running._page_number(text) == number


# Groups


def test_lines_of_a_paragraph_stay_together():
    assert grouped(stack([LONG, LONG, "and it ends here."])) == [
        f"{LONG} {LONG} and it ends here."
    ]


def test_a_gap_begins_a_paragraph():
    lines = [*stack([LONG, LONG]), *stack([LONG], y=150)]
    assert grouped(lines) == [f"{LONG} {LONG}", LONG]


def test_a_line_that_ends_early_after_a_full_stop_ends_its_paragraph():
    assert grouped(stack([LONG, "It ends here.", "Next begins here and goes on", LONG])) == [
        f"{LONG} It ends here.",
        f"Next begins here and goes on {LONG}",
    ]


def test_a_ragged_line_without_a_full_stop_goes_on():
    assert (
        len(grouped(stack([LONG, "this line of it ends early", "and goes on here", LONG]))) == 1
    )


def test_an_indented_line_begins_a_paragraph():
    lines = [*stack([LONG, LONG]), line(LONG[:-4], 92, 128), line(LONG, 72, 142)]
    assert len(grouped(lines)) == 2


def test_a_change_of_size_begins_a_paragraph():
    lines = [line("Heading", 72, 100, size=14.0), line(LONG, 72, 114)]
    assert grouped(lines) == ["Heading", LONG]


def test_a_bold_word_at_the_end_of_a_line_does_not_cut():
    lines = [line(LONG, 72, 100), line("START.", 72, 114, bold=True)]
    assert grouped(lines) == [f"{LONG} START."]


def test_fixed_width_lines_are_apart_from_prose():
    lines = [line(LONG, 72, 100), *stack(["one()", "two()"], y=114, mono=True)]
    assert grouped(lines) == [LONG, "one() two()"]
    assert len(grouped(stack([LONG, LONG], mono=True), mono_body=True)) == 1


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("1. Press", "1."),
        ("12) Press", "12)"),
        ("(3) Press", "(3)"),
        ("a) Press", "a)"),
        ("iv. Press", "iv."),
        ("• Press", "•"),
        ("– Press", "–"),
        ("Press 1. now", ""),
        ("1485 rpm", ""),
        ("1.", ""),
        ("4.2 bar", ""),
    ],
)
def test_markers_of_items_are_recognised(text, marker):
    assert marker_of(line(text)) == marker
    assert is_bullet(marker) == (marker in ("•", "–"))


def test_steps_are_groups_of_their_own_with_their_lines():
    lines = [
        line(f"1. {LONG}", 72, 100),
        line("which goes on in a second line.", 87, 114),
        line("2. Stop.", 72, 128),
    ]
    assert grouped(lines) == [f"1. {LONG} which goes on in a second line.", "2. Stop."]


def test_a_dash_inside_a_sentence_is_no_bullet():
    lines = stack([LONG, "– and this is still the same sentence as before", LONG])
    assert len(grouped(lines)) == 1


def test_a_paragraph_left_of_the_item_ends_it():
    lines = [line("1. Press the key.", 90, 100), line("This stands further left.", 72, 114)]
    assert grouped(lines) == ["1. Press the key.", "This stands further left."]


def test_a_column_goes_on_only_in_the_middle_of_a_sentence():
    style = typography()
    ended = group([Column((line("It ends."),)), Column((line("and more", 300),))], style)
    going = group([Column((line("It goes"),)), Column((line("on here.", 300),))], style)
    new = group([Column((line("It goes"),)), Column((line("Next one.", 300),))], style)
    assert [len(ended), len(going), len(new)] == [2, 1, 2]


def test_typography_is_what_most_of_the_text_has():
    page = page_of(*stack([LONG] * 5), *stack(["Title", "Two"], y=300, size=20.0, step=24))
    found = Typography.of([page])
    assert found.body_size == 10.0
    assert found.pitch(10.0) == 14.0
    assert found.pitch(20.0) == 24.0
    assert found.pitch(8.0) == 10.0
    assert "column" in found.words
    assert Typography.of([]).body_size == 0.0


# Headings


def heads(*groups, toc=(), pages=None):
    made = [Lines([item], gap=2.0) if isinstance(item, TextLine) else item for item in groups]
    known = Headings.of([(1, made)], Outline.of(list(toc)), typography())
    return [known.level(1, item) for item in made]


def big(text, size=14.0, *, bold=True):
    return line(text, size=size, bold=bold)


def test_numbers_give_levels():
    found = heads(big("4 Operation", 17), big("4.2 Start"), big("4.2.1 Cold", 11), line(LONG))
    assert found == [1, 2, 3, 0]


def test_an_unnumbered_heading_takes_the_level_of_its_style():
    assert heads(big("4 Operation", 17), big("4.1 Air"), big("Appendix", 17), big("Notes")) == [
        1,
        2,
        1,
        2,
    ]


def test_sizes_rank_headings_where_nothing_is_numbered():
    assert heads(big("Title", 24), big("Part", 17), big("Point", 12), line(LONG)) == [
        1,
        2,
        3,
        0,
    ]


def test_the_outline_names_headings_however_they_look():
    toc = [[1, "Operation", 1], [2, "Start-up", 1], [1, "Elsewhere", 2]]
    assert heads(line("operation"), line("Start up"), line("Elsewhere"), toc=toc) == [1, 2, 0]


@pytest.mark.parametrize(
    "text",
    [
        "12.5",
        "220 kW,",
        "A bold sentence of the text that ends with a full stop.",
        "Bold words that run on and on " * 5,
    ],
)
def test_bold_text_that_is_no_heading(text):
    assert heads(line(text, bold=True)) == [0]


def test_a_row_of_the_contents_is_no_heading():
    row = Lines([big("4 Operation 12", 17)], contents=True)
    assert heads(row) == [0]


def test_damaged_outline_entries_are_left_out():
    outline = Outline.of([[1, "Good", 1], ["x", "Bad", 1], [1, "!!", 1], [9, "Deep", 2]])
    assert outline.level(1, "Good") == 1
    assert outline.level(1, "Bad") == 0
    assert outline.level(2, "Deep") == 6


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
