"""Reading order and running lines: laws over pages of any content."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word
from sfta.documents.pdf.order import columns, rows_of
from sfta.documents.pdf.running import (
    _least_pages,
    _mask,
    _page_number,
    _roman,
    drop_running_lines,
)

CHAR = 5.0  # every letter is this wide in these tests


@dataclass(frozen=True)
class Drawing:
    x0: float
    y0: float
    x1: float
    y1: float


def line(text, x=72.0, y=100.0, *, size=10.0, bold=False):
    words = []
    for piece in text.split():
        box = (x, y - 8, x + CHAR * len(piece), y + 2)
        words.append(Word(piece, *box, y, size, bold, mono=False))
        x += CHAR * (len(piece) + 1)
    return TextLine(tuple(words))


def words_in(found):
    return sorted(
        (w.text, w.x0, w.baseline)
        for column in found
        for item in column.items
        if isinstance(item, TextLine)
        for w in item.words
    )


def texts(found):
    return [[item.text for item in column.items] for column in found]


def two_columns(rows, *, left="left side text", right="right side text"):
    made = [line(f"{left} {n} goes here", 40, 100 + 14 * n) for n in range(rows)]
    return made + [line(f"{right} {n} goes here", 320, 100 + 14 * n) for n in range(rows)]


places = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 25), st.sampled_from(["a", "some words here"])),
    max_size=25,
    unique_by=lambda p: p[:2],
)


def placed(cells):
    return [line(text, 40.0 + 110 * c, 60.0 + 14 * r) for c, r, text in cells]


@given(places)
@settings(max_examples=60)
def test_reading_order_loses_no_word_and_makes_none_up(cells):
    lines = placed(cells)
    expected = sorted((w.text, w.x0, w.baseline) for i in lines for w in i.words)
    assert words_in(columns(lines)) == expected


@given(places)
@settings(max_examples=60)
def test_each_column_is_read_downwards(cells):
    for column in columns(placed(cells)):
        for above, below in pairwise(column.items):
            assert above.baseline <= below.baseline


@given(places, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_in_the_file_does_not_matter(cells, random):
    lines = placed(cells)
    shuffled = random.sample(lines, len(lines))
    assert texts(columns(lines)) == texts(columns(shuffled))


@given(places)
@settings(max_examples=60)
def test_rows_hold_every_item_once_from_left_to_right(cells):
    lines = placed(cells)
    rows = rows_of(lines)
    assert sorted(id(i) for row in rows for i in row) == sorted(id(i) for i in lines)
    for row in rows:
        assert len({item.baseline for item in row}) == 1
        assert [i.x0 for i in row] == sorted(i.x0 for i in row)


@given(places, st.integers(0, 300))
@settings(max_examples=40)
def test_moving_a_page_down_does_not_change_its_order(cells, down):
    moved = [line(text, 40.0 + 110 * c, 60.0 + down + 14 * r) for c, r, text in cells]
    assert texts(columns(placed(cells))) == texts(columns(moved))


@pytest.mark.parametrize("rows", [3, 5, 12])
def test_prose_on_both_sides_of_a_gutter_is_two_columns(rows):
    found = texts(columns(two_columns(rows)))
    assert [len(column) for column in found] == [rows, rows]
    assert all(text.startswith("left") for text in found[0])
    assert all(text.startswith("right") for text in found[1])


@pytest.mark.parametrize("rows", [1, 2])
def test_two_rows_beside_each_other_are_read_across(rows):
    (column,) = texts(columns(two_columns(rows)))
    assert column[0] == "left side text 0 goes here right side text 0 goes here"


def test_a_page_may_change_from_two_columns_to_one_and_back():
    def below(lines, y):
        return [line(i.text, i.x0, i.baseline + y) for i in lines]

    wide = line(
        "One line of text that reaches from the left edge across both of the columns", 40
    )
    middle = below([wide], 120)
    found = texts(columns([*two_columns(5), *middle, *below(two_columns(5), 200)]))
    assert [len(column) for column in found] == [5, 5, 1, 5, 5]
    assert found[2] == [wide.text]


def test_a_drawing_is_one_item_in_its_place():
    drawing = Drawing(72.0, 115.0, 300.0, 180.0)
    (column,) = columns([line("below", y=200), drawing, line("above", y=100)])
    assert [getattr(i, "text", "drawing") for i in column.items] == [
        "above",
        "drawing",
        "below",
    ]


def test_a_drawing_beside_a_line_is_not_on_its_row():
    drawing = Drawing(200.0, 100.0, 300.0, 110.0)
    assert [len(row) for row in rows_of([line("text", y=100), drawing])] == [1, 1]


@pytest.mark.parametrize(("step", "rows"), [(0.0, 1), (3.9, 1), (4.1, 2), (14.0, 2)])
def test_words_are_on_one_row_up_to_a_fraction_of_their_size(step, rows):
    assert len(rows_of([line("a", 72, 100), line("b", 90, 100 + step)])) == rows


def test_nothing_has_no_columns():
    assert columns([]) == []
    assert rows_of([]) == []


# Running lines


def pages(count, *, top=None, bottom=None, body=12):
    made = []
    for n in range(1, count + 1):
        lines = [line(f"body {'xyz'[n % 3]} line {i}", y=150 + 14 * i) for i in range(body)]
        lines = [line(top(n), y=40), *lines] if top else lines
        made.append(PrintedPage(600.0, 800.0, 0, lines))
        if bottom:
            made[-1].lines.append(line(bottom(n), y=780))
    return made


@pytest.mark.parametrize(
    ("total", "least"),
    [(2, 2), (3, 3), (10, 3), (15, 3), (20, 4), (40, 8), (500, 8)],
)
def test_a_line_has_to_repeat_on_a_share_of_the_pages(total, least):
    assert _least_pages(total) == least


@given(st.integers(0, 1000))
def test_no_line_runs_in_a_document_of_one_page_or_none(times):
    assert _least_pages(1) > times
    assert _least_pages(0) > times


@given(st.integers(3, 12), st.integers(0, 12))
@settings(max_examples=40)
def test_a_title_runs_exactly_where_it_repeats_often_enough(count, repeated):
    made = pages(count, top=lambda n: "Same title" if n <= repeated else "q" * n)
    expected = min(repeated, count) if min(repeated, count) >= _least_pages(count) else 0
    assert drop_running_lines(made) == expected
    left = [i.text for page in made for i in page.lines]
    assert left.count("Same title") == min(repeated, count) - expected


@given(st.integers(2, 10), st.integers(1, 400))
@settings(max_examples=40)
def test_page_numbers_go_from_wherever_they_start(count, start):
    made = pages(count, bottom=lambda n: f"- {n + start} -")
    assert drop_running_lines(made) == count
    assert all(len(page.lines) == 12 for page in made)


@given(st.integers(0, 8))
@settings(max_examples=20)
def test_dropping_twice_drops_nothing_more(count):
    made = pages(count, top=lambda n: "Manual", bottom=lambda n: f"Page {n}")
    drop_running_lines(made)
    before = [[i.text for i in page.lines] for page in made]
    assert drop_running_lines(made) == 0
    assert [[i.text for i in page.lines] for page in made] == before


def test_a_line_at_another_height_on_each_page_does_not_run():
    made = [PrintedPage(600.0, 800.0, 0, [line("Same words", y=30 + 16 * n)]) for n in range(4)]
    assert drop_running_lines(made) == 0


def test_a_title_that_dances_by_a_point_still_runs():
    made = [PrintedPage(600.0, 800.0, 0, [line("Title", y=40 + n % 2)]) for n in range(6)]
    assert drop_running_lines(made) == 6


@pytest.mark.parametrize("turn", [90, 270])
def test_the_edges_of_a_turned_page_are_those_of_its_text(turn):
    made = [PrintedPage(800.0, 500.0, turn, [line("Foot", y=760)]) for _ in range(4)]
    assert drop_running_lines(made) == 4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Page 1 of 9", "page 27 of 9", True),
        ("Edition 2019", "EDITION 2024", True),
        ("Chapter A", "Chapter B", False),
        ("Rev 1.2", "Rev 12", False),
    ],
)
def test_lines_are_compared_without_their_digits_and_their_case(one, other, same):
    assert (_mask(line(one)) == _mask(line(other))) is same


def roman(number):
    spelled = ""
    signs = [(100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v")]
    for value, sign in [*signs, (4, "iv"), (1, "i")]:
        spelled += sign * (number // value)
        number %= value
    return spelled


@given(st.integers(1, 399))
def test_roman_numbers_are_read_as_they_are_written(number):
    assert _roman(roman(number)) == number


@given(st.integers(0, 9999), st.sampled_from(["{}", "- {} -", "Page {}", "p. {}", "{} / 300"]))
def test_every_page_number_of_four_digits_is_read_in_every_dress(number, dress):
    assert _page_number(dress.format(number)) == number


@pytest.mark.parametrize("text", ["", "-", "page", "1 2", "ix bar", "Page of 3", "4a"])
def test_what_is_no_page_number_is_none(text):
    assert _page_number(text) is None
