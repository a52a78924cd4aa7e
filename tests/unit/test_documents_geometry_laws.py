"""Boxes, words and lines of a printed page: laws that hold wherever they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.pdf.boxes import area, box_of, holds, overlap
from sfta.documents.pdf.figures import take_figures
from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word, merge, split_at_gaps

CHAR = 5.0  # every letter is this wide in these tests
whole = st.integers(0, 500).map(float)
boxes = st.tuples(whole, whole, whole, whole).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)


def word(text, x, y=100.0, *, size=10.0, bold=False, mono=False):
    return Word(text, x, y - 8, x + CHAR * len(text), y + 2, y, size, bold, mono)


def spaced(gaps, size=10.0):
    """A line of words of one letter each with these gaps between them."""
    x, words = 0.0, [word("a", 0.0, size=size)]
    for gap in gaps:
        x += CHAR + gap
        words.append(word("a", x, size=size))
    return TextLine(tuple(words))


def line(text, x=0.0, y=100.0, **style):
    words = []
    for piece in text.split():
        words.append(word(piece, x, y, **style))
        x += CHAR * (len(piece) + 1)
    return TextLine(tuple(words))


# Boxes


@given(boxes, boxes)
def test_what_two_boxes_share_does_not_depend_on_their_order(a, b):
    assert overlap(a, b) == overlap(b, a)
    assert area(overlap(a, b)) <= min(area(a), area(b))


@given(boxes)
def test_a_box_shares_all_of_itself_with_itself(box):
    assert overlap(box, box) == box


@given(boxes, boxes, boxes)
def test_boxes_may_be_cut_in_any_order(a, b, c):
    assert overlap(overlap(a, b), c) == overlap(a, overlap(b, c))


@given(boxes, boxes, whole, whole)
def test_a_point_lies_in_both_boxes_where_it_lies_in_what_they_share(a, b, x, y):
    assert holds(overlap(a, b), x, y) == (holds(a, x, y) and holds(b, x, y))


@given(boxes)
def test_a_box_holds_its_corners_and_its_middle(box):
    x0, y0, x1, y1 = box
    points = [(x0, y0), (x1, y0), (x0, y1), (x1, y1), ((x0 + x1) / 2, (y0 + y1) / 2)]
    assert all(holds(box, x, y) for x, y in points)


@pytest.mark.parametrize(
    ("values", "box"),
    [
        ((1, 2, 3, 4), (1.0, 2.0, 3.0, 4.0)),
        ([1, 2, 3, 4, 5], (1.0, 2.0, 3.0, 4.0)),
        ((0.5, 0, 0.5, 0), (0.5, 0.0, 0.5, 0.0)),
    ],
)
def test_a_box_is_made_of_the_first_four_values_as_floats(values, box):
    made = box_of(values)
    assert made == box
    assert all(type(value) is float for value in made)


@pytest.mark.parametrize("box", [(5, 0, 5, 9), (0, 5, 9, 5), (9, 0, 0, 9), (9, 9, 0, 0)])
def test_a_box_without_extent_has_no_area_even_if_turned_inside_out(box):
    assert area(box) == 0


# Pages that were turned


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@given(boxes)
def test_turning_a_page_keeps_the_size_of_a_box(turn, box):
    shown = PrintedPage(600.0, 800.0, turn, []).shown(box)
    sides = sorted((box[2] - box[0], box[3] - box[1]))
    assert sorted((shown[2] - shown[0], shown[3] - shown[1])) == sides


@given(boxes)
def test_a_page_turned_upside_down_twice_is_as_before(box):
    page = PrintedPage(600.0, 800.0, 180, [])
    assert page.shown(page.shown(box)) == box


@given(boxes)
def test_quarter_turns_there_and_back_cancel(box):
    there = PrintedPage(600.0, 800.0, 90, [])
    back = PrintedPage(800.0, 600.0, 270, [])
    assert back.shown(there.shown(box)) == box


@pytest.mark.parametrize(
    ("turn", "corner"),
    [
        (0, (0.0, 0.0, 10.0, 10.0)),
        (90, (0.0, 790.0, 10.0, 800.0)),
        (180, (590.0, 790.0, 600.0, 800.0)),
        (270, (590.0, 0.0, 600.0, 10.0)),
    ],
)
def test_the_upper_left_corner_of_the_text_lies_where_the_turn_puts_it(turn, corner):
    assert PrintedPage(600.0, 800.0, turn, []).shown((0.0, 0.0, 10.0, 10.0)) == corner


# Lines


@given(st.lists(st.integers(0, 60).map(float), max_size=12), st.sampled_from([0.5, 0.9, 2.5]))
def test_cutting_a_line_at_gaps_loses_no_word_and_moves_none(gaps, ems):
    whole_line = spaced(gaps)
    parts = list(split_at_gaps(whole_line, ems))
    assert merge(parts) == whole_line
    assert all(part.words for part in parts)
    assert len(parts) == 1 + sum(gap > ems * 10 for gap in gaps)


@given(st.lists(st.integers(0, 60).map(float), max_size=12))
def test_what_was_cut_once_is_not_cut_again(gaps):
    for part in split_at_gaps(spaced(gaps), 1.5):
        assert list(split_at_gaps(part, 1.5)) == [part]


@given(st.lists(st.integers(0, 60).map(float), max_size=12))
def test_a_finer_measure_cuts_at_least_as_often(gaps):
    counts = [len(list(split_at_gaps(spaced(gaps), ems))) for ems in (0.5, 1.0, 2.5)]
    assert counts == sorted(counts, reverse=True)


def test_a_gap_is_measured_by_the_larger_of_its_two_neighbours():
    small, large = word("a", 0.0, size=8.0), word("b", 20.0, size=20.0)
    assert len(list(split_at_gaps(TextLine((small, large)), 1.0))) == 1
    assert len(list(split_at_gaps(TextLine((small, word("b", 20.0, size=8.0))), 1.0))) == 2


@given(st.permutations(["one", "two", "three", "four"]))
def test_merged_lines_read_from_left_to_right_in_whatever_order_they_come(order):
    places = {"one": 0.0, "two": 50.0, "three": 100.0, "four": 150.0}
    merged = merge(line(text, places[text]) for text in order)
    assert merged.text == "one two three four"


@given(st.lists(st.tuples(whole, st.integers(50, 700).map(float)), min_size=1, max_size=8))
def test_the_box_of_a_line_holds_all_its_words(places):
    made = merge(TextLine((word("ab", x, y),)) for x, y in places)
    for item in made.words:
        assert holds((made.x0, made.y0, made.x1, made.y1), *item.centre)
        assert made.x0 <= item.x0 < item.x1 <= made.x1


def test_a_line_stands_where_its_largest_letters_stand():
    raised = word("2", 60.0, 95.0, size=6.0)
    assert TextLine((word("volume", 0.0), raised)).baseline == 100.0
    assert TextLine((raised, word("volume", 70.0))).baseline == 100.0


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ([("long text", 9.0), ("I", 20.0)], 9.0),
        ([("ab", 9.0), ("cd", 12.0)], 12.0),
        ([("a", 9.0), ("b", 9.0), ("cd", 12.0), ("e", 9.0)], 9.0),
    ],
    ids=["most characters", "the larger of two equals", "sums over words"],
)
def test_the_size_of_a_line_is_that_of_most_characters(words, size):
    placed = [word(text, 80.0 * n, size=s) for n, (text, s) in enumerate(words)]
    assert TextLine(tuple(placed)).size == size


@pytest.mark.parametrize("style", ["bold", "mono"])
def test_one_plain_word_makes_a_line_plain(style):
    marked, plain = word("a", 0.0, **{style: True}), word("b", 20.0)
    assert getattr(TextLine((marked, marked)), style)
    assert not getattr(TextLine((marked, plain)), style)


# Figures

DRAWING = (100.0, 100.0, 320.0, 200.0)


def figures(*lines, places=(DRAWING,)):
    page = PrintedPage(600.0, 800.0, 0, list(lines))
    found = take_figures(page, places, body_size=10.0)
    labels = [[" ".join(i.text for i in label) for label in f.labels] for f in found]
    return labels, [i.text for i in page.lines], found


def test_a_drawing_without_words_is_no_figure():
    assert figures(line("far away", 72, 400)) == ([], ["far away"], [])


@pytest.mark.parametrize(
    ("text", "y", "size"),
    [
        ("Running text beside it", 210.0, 10.0),
        ("Small print but far more than six words of it", 210.0, 8.0),
        ("Small but far", 240.0, 8.0),
    ],
    ids=["size of the running text", "too many words", "too far"],
)
def test_what_is_close_to_a_drawing_but_no_label_stays_in_the_text(text, y, size):
    labels, left, _ = figures(line("Pump", 150, 150, size=8.0), line(text, 120, y, size=size))
    assert labels == [["Pump"]]
    assert left == [text]


def test_labels_reach_out_from_the_drawing_in_two_steps_and_no_more():
    chain = [line(f"step {n}", 150, 205.0 + 15 * n, size=8.0) for n in range(4)]
    labels, left, _ = figures(line("Pump", 150, 150, size=8.0), *chain)
    assert labels == [["Pump", "step 0", "step 1"]]
    assert left == ["step 2", "step 3"]


def test_a_label_belongs_to_one_drawing_only():
    again = (*DRAWING[:3], 205.0)
    labels, left, _ = figures(line("Pump", 150, 150, size=8.0), places=(DRAWING, again))
    assert labels == [["Pump"]]
    assert left == []


def test_a_line_that_crosses_the_edge_is_shared_at_its_gap():
    crossing = merge([line("Valve", 120, 150, size=8.0), line("Text beside", 400, 150)])
    labels, left, _ = figures(crossing)
    assert labels == [["Valve"]]
    assert left == ["Text beside"]


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=8))
def test_every_label_is_kept_and_lies_in_the_box_of_its_figure(cells):
    words = [line(f"L{c}{r}", 105 + 50 * c, 120 + 18 * r, size=8.0) for c, r in sorted(cells)]
    labels, left, (figure,) = figures(*words)
    assert sorted(" ".join(labels[0]).split()) == sorted(w.text for w in words)
    assert left == []
    box = (figure.x0, figure.y0, figure.x1, figure.y1)
    assert overlap(box, DRAWING) == DRAWING
    assert all(holds(box, w.x0, w.y0) and holds(box, w.x1, w.y1) for w in words)
