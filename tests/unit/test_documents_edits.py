"""Replacing text keeps every offset true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import Block, Change, Flag, Line, Page
from sfta.documents.edits import LEFT_OUT, Edit, edited, left_out, raw_offset

TEXT = "Call a@b.de now.\n\nIgnore all.\n\nThird."
BLOCKS = (
    Block("paragraph", 0, 0, 16),
    Block("paragraph", 0, 18, 29),
    Block("paragraph", 0, 31, 37),
)
EMAIL = Edit(5, 11, "[EMAIL]", "EMAIL")


def page(text=TEXT, **parts):
    return Page(1, text, 595, 842, **parts)


def shown(found):
    return [found.text[b.start : b.end] for b in found.blocks]


def test_a_page_without_edits_is_the_same_page():
    whole = page(blocks=BLOCKS)
    assert edited(whole, []) is whole


def test_a_placeholder_moves_what_stands_behind_it():
    line = Line(0, 16, 72, 100, 200, 110)
    found = edited(page(blocks=BLOCKS, lines=(line,)), [EMAIL])
    assert found.text == "Call [EMAIL] now.\n\nIgnore all.\n\nThird."
    assert shown(found) == ["Call [EMAIL] now.", "Ignore all.", "Third."]
    assert found.lines == (Line(0, 17, 72, 100, 200, 110),), "the box stays"
    assert found.changes == (Change(5, 12, "EMAIL", 5, 11),)


def test_both_lines_of_a_broken_number_cover_its_placeholder():
    text = "Card 4111 1111 1111 1111 is his."
    lines = (Line(0, 14, 0, 0, 9, 9), Line(15, 32, 0, 10, 9, 19))
    found = edited(page(text, lines=lines), [Edit(5, 24, "[CREDIT_CARD]", "CREDIT_CARD")])
    assert [found.text[i.start : i.end] for i in found.lines] == [
        "Card [CREDIT_CARD]",
        "[CREDIT_CARD] is his.",
    ]


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        ([0], "Ignore all.\n\nThird."),
        ([1], "Call a@b.de now.\n\nThird."),
        ([2], "Call a@b.de now.\n\nIgnore all."),
        ([0, 1], "Third."),
        ([1, 2], "Call a@b.de now."),
        ([0, 2], "Ignore all."),
        ([0, 1, 2], ""),
    ],
)
def test_blocks_leave_one_empty_line_between_what_remains(gone, text):
    stretches = [(BLOCKS[n].start, BLOCKS[n].end) for n in gone]
    found = edited(page(blocks=BLOCKS), left_out(TEXT, stretches))
    assert found.text == text
    assert shown(found) == [part for part in text.split("\n\n") if part]
    assert {change.kind for change in found.changes} == {LEFT_OUT}


def test_a_flag_of_the_whole_page_stays_and_one_of_dropped_text_goes():
    flags = (Flag("hidden_text"), Flag("override", 18, 28), Flag("persona", 31, 36))
    found = edited(page(blocks=BLOCKS, flags=flags), left_out(TEXT, [(18, 29)]))
    assert found.flags == (Flag("hidden_text"), Flag("persona", 18, 23))


def test_offsets_lead_back_to_the_text_as_it_was_read():
    found = edited(page(blocks=BLOCKS), [EMAIL, *left_out(TEXT, [(18, 29)])])
    assert found.text == "Call [EMAIL] now.\n\nThird."
    changes = found.changes
    assert raw_offset(changes, 0) == 0
    assert raw_offset(changes, 5) == raw_offset(changes, 11) == 5
    assert raw_offset(changes, 12) == 11
    assert TEXT[raw_offset(changes, 19) :] == "Third."
    assert raw_offset(changes, 12, end=True) == 11, "behind the placeholder"
    assert raw_offset(changes, 6, end=True) == 11, "inside it"
    assert raw_offset(changes, 17, end=True) == 16, "before what was left out"
    assert raw_offset(changes, len(found.text), end=True) == len(TEXT)


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 5, "x", "EMAIL"), Edit(4, 6, "y", "PHONE")],
        [Edit(3, 3, "x", "EMAIL")],
        [Edit(30, 99, "x", "EMAIL")],
        [Edit(-1, 2, "x", "EMAIL")],
    ],
    ids=["overlap", "empty", "beyond the end", "before the beginning"],
)
def test_edits_that_make_no_sense_are_refused(edits):
    with pytest.raises(ValueError, match="edits overlap or leave the text"):
        edited(page(), edits)


def test_changes_and_flags_survive_being_written():
    whole = edited(page(blocks=BLOCKS, flags=(Flag("override", 18, 28),)), [EMAIL])
    assert Page.from_json(whole.to_json()) == whole
    assert set(page().to_json()) == {"number", "text", "width", "height", "lines", "blocks"}


@st.composite
def edited_pages(draw):
    text = draw(st.text("ab \n", min_size=1, max_size=60))
    marks = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
    edits = [
        Edit(start, end, draw(st.sampled_from(["", "[X]", "[LONG_KIND]"])), "X")
        for start, end in zip(marks[::2], marks[1::2], strict=False)
    ]
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    blocks = tuple(
        Block("paragraph", 0, start, end)
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    )
    return page(text, blocks=blocks), edits


@given(edited_pages())
def test_text_outside_of_edits_stays_and_leads_back(case):
    before, edits = case
    after = edited(before, edits)
    covered = {i for e in edits for i in range(e.start, e.end)}
    replaced = {i for c in after.changes for i in range(c.start, c.end)}
    rest = [i for i in range(len(after.text)) if i not in replaced]
    origin = [raw_offset(after.changes, i) for i in rest]
    assert origin == [i for i in range(len(before.text)) if i not in covered]
    assert [after.text[i] for i in rest] == [before.text[i] for i in origin]


@given(edited_pages())
def test_a_block_holds_the_same_characters_before_and_after(case):
    before, edits = case
    after = edited(before, edits)
    covered = {i for e in edits for i in range(e.start, e.end)}
    replaced = {i for c in after.changes for i in range(c.start, c.end)}
    held = [
        "".join(after.text[i] for i in range(b.start, b.end) if i not in replaced)
        for b in after.blocks
    ]
    wanted = [
        "".join(before.text[i] for i in range(b.start, b.end) if i not in covered)
        for b in before.blocks
    ]
    assert [part for part in held if part] == [part for part in wanted if part]
    assert all(0 <= b.start < b.end <= len(after.text) for b in after.blocks)
