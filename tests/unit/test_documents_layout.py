"""Lines of a page find their order and make columns; running lines go."""

import pytest

from laid_out_lines import LONG, line, page_of, stack, word
from sfta.documents.pdf.glyphs import TextLine, merge, split_at_gaps
from sfta.documents.pdf.order import columns, rows_of
from sfta.documents.pdf.tables import Table
from sfta_edge.documents.pdf import boxes, running

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
