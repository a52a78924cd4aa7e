"""Which lines make one group, what marks an item, and which groups are headings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word
from sfta.documents.pdf.grouping import (
    Lines,
    Typography,
    group,
    is_bullet,
    is_contents,
    marker_of,
)
from sfta.documents.pdf.headings import Headings, Outline
from sfta.documents.pdf.order import Column

CHAR = 5.0  # every letter is this wide in these tests
STYLE = Typography(10.0, mono_body=False, leading={10.0: 14.0}, words=frozenset())


def line(text, x=72.0, y=100.0, *, size=10.0, bold=False, mono=False):
    words = []
    for piece in text.split():
        box = (x, y - 8, x + CHAR * len(piece), y + 2)
        words.append(Word(piece, *box, y, size, bold, mono))
        x += CHAR * (len(piece) + 1)
    return TextLine(tuple(words))


def paragraph(*texts, **style):
    return Lines([line(t, y=100 + 14.0 * n, **style) for n, t in enumerate(texts)], gap=2.0)


# What a paragraph is made of


@given(st.lists(st.sampled_from(["one", "two words", "three more words"]), max_size=6))
def test_all_lines_of_a_column_are_in_its_groups_in_order(texts):
    lines = [line(text, y=100 + 14.0 * n) for n, text in enumerate(texts)]
    groups = group([Column(tuple(lines))], STYLE)
    assert [i for made in groups for i in made.lines] == lines


@given(st.lists(st.sampled_from(["•", "–", "-", "*", "1.", "(2)", "a)", "iv."]), min_size=1))
@settings(max_examples=40)
def test_items_far_from_each_other_keep_their_markers(markers):
    lines = [line(f"{mark} Do it.", y=100 + 30.0 * n) for n, mark in enumerate(markers)]
    groups = group([Column(tuple(lines))], STYLE)
    assert [made.marker for made in groups] == markers


@pytest.mark.parametrize("mark", [".", "1", "1.2", "ab.", "1234.", "A)", "x1)", "(1", "--"])
def test_what_looks_like_no_marker_is_none(mark):
    assert marker_of(line(f"{mark} rest of the line")) == ""


@pytest.mark.parametrize("mark", ["•", "1.", "a)"])
def test_a_marker_alone_on_a_line_marks_nothing(mark):
    assert marker_of(line(mark)) == ""


@pytest.mark.parametrize(("marker", "bullet"), [("•", True), ("1.", False), ("", False)])
def test_a_bullet_carries_no_number(marker, bullet):
    assert is_bullet(marker) is bullet


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("Operation ........ 12", True),
        ("Operation . . . . . 12", True),
        ("Preface ____ iv", True),
        ("Operation ... 12", False),
        ("Operation ........ twelve", False),
        ("........ 12", False),
    ],
)
def test_leaders_and_a_number_make_a_row_of_the_contents(text, row):
    assert is_contents(line(text)) is row


@pytest.mark.parametrize(("gap", "row"), [(20.0, False), (26.0, True), (200.0, True)])
def test_a_number_far_to_the_right_makes_a_row_of_the_contents(gap, row):
    title, number = line("Operation"), line("12", x=72 + 9 * CHAR + gap)
    assert is_contents(TextLine(title.words + number.words)) is row


# Headings


@given(st.lists(st.integers(1, 99), min_size=1, max_size=8))
def test_the_level_of_a_numbered_heading_is_how_deep_it_counts(numbers):
    text = ".".join(map(str, numbers)) + " Operation"
    made = paragraph(text, size=14.0)
    known = Headings.of([(1, [made])], Outline.of([]), STYLE)
    assert known.level(1, made) == min(len(numbers), 6)


@given(st.lists(st.integers(12, 40), min_size=1, max_size=9, unique=True))
def test_larger_print_never_ranks_below_smaller_print(sizes):
    made = [paragraph("Some title", size=float(s)) for s in sorted(sizes, reverse=True)]
    known = Headings.of([(1, made)], Outline.of([]), STYLE)
    levels = [known.level(1, g) for g in made]
    assert levels == [min(n, 6) for n in range(1, len(sizes) + 1)]


@given(st.integers(1, 12), st.text("abc XYZ-.,", min_size=1, max_size=20))
def test_the_outline_finds_a_title_whatever_its_case_and_punctuation(level, title):
    known = Outline.of([[level, title, 3]])
    expected = min(level, 6) if any(c.isalnum() for c in title) else 0
    assert known.level(3, f" {title.upper()}! ") == expected
    assert known.level(4, title) == 0


@pytest.mark.parametrize(
    ("text", "style", "level"),
    [
        ("Appendix A Tables", {"size": 14.0}, 1),
        ("Chapter 3 Start", {"size": 14.0}, 1),
        ("A.2 Spare parts", {"size": 14.0}, 2),
        ("Plain words", {}, 0),
        ("Plain words", {"bold": True}, 1),
        ("Bold and small", {"bold": True, "size": 9.0}, 0),
        ("Ends in a colon:", {"bold": True}, 0),
        ("3.1 Ends in a stop.", {"bold": True}, 2),
        ("and goes on,", {"size": 14.0}, 0),
        ("+ 5 -", {"size": 14.0}, 0),
    ],
)
def test_a_heading_has_to_look_like_one(text, style, level):
    made = paragraph(text, **style)
    known = Headings.of([(1, [made])], Outline.of([]), STYLE)
    assert known.level(1, made) == level


def test_a_heading_has_at_most_three_lines():
    made = [paragraph(*["Large print"] * n, size=14.0) for n in (1, 3, 4)]
    known = Headings.of([(1, made)], Outline.of([]), STYLE)
    assert [known.level(1, g) for g in made] == [1, 1, 0]


def test_the_outline_wins_over_the_numbering():
    made = paragraph("4.2.1 Cold start", size=14.0)
    outline = Outline.of([[1, "4.2.1 Cold start", 1]])
    assert Headings.of([(1, [made])], outline, STYLE).level(1, made) == 1


def test_the_first_entry_of_a_title_on_a_page_counts():
    outline = Outline.of([[2, "Notes", 1], [1, "notes", 1], [3, "Notes", 2]])
    assert [outline.level(page, "Notes") for page in (1, 2, 3)] == [2, 3, 0]


# What is usual in a document


def measured(*lines):
    return Typography.of([PrintedPage(600.0, 800.0, 0, list(lines))])


@given(st.integers(8, 14), st.integers(2, 20), st.integers(10, 22))
def test_the_usual_leading_of_even_lines_is_their_distance(size, count, step):
    lines = [line("even lines", y=100.0 + step * n, size=float(size)) for n in range(count)]
    usual = step if 0.8 * size < step < 2.5 * size else 1.25 * size
    assert measured(*lines).pitch(float(size)) == usual


def test_the_more_common_distance_is_the_usual_one():
    heights = [100, 114, 128, 142, 162, 176]
    assert measured(*(line("text", y=float(y)) for y in heights)).pitch(10.0) == 14.0


@pytest.mark.parametrize(
    ("mono", "plain", "expected"), [(3, 1, True), (1, 1, False), (1, 3, False)]
)
def test_the_body_is_mono_only_where_most_of_it_is(mono, plain, expected):
    lines = [line("text", mono=True)] * mono + [line("text")] * plain
    assert measured(*lines).mono_body is expected


def test_the_body_has_the_size_of_most_characters_not_of_most_lines():
    lines = [line("I", size=20.0)] * 3 + [line("a line of the running text", size=9.0)]
    assert measured(*lines).body_size == 9.0


def test_a_broken_word_is_not_learnt_as_a_word():
    assert measured(line("the low-pressure com-")).words == {"the", "low-pressure"}
