"""Lines make paragraphs, items and headings."""

import pytest

from laid_out_lines import LONG, grouped, line, page_of, stack, typography
from sfta.documents.pdf.glyphs import TextLine
from sfta.documents.pdf.grouping import Lines, Typography, group, is_bullet, marker_of
from sfta.documents.pdf.headings import Headings, Outline
from sfta.documents.pdf.order import Column

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
