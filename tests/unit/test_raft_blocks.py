"""What a chunk is made of is found again, verbatim, also across chunks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.raft.corpus import CorpusChunk
from sfta.raft.extraction.blocks import (
    Sentence,
    Step,
    TableRow,
    read_blocks,
    split_sentences,
)
from sfta_edge.citation import find_quote


def chunk(text, *, heading="4 Oil > 4.1 Oil filter", start=0, page=1, document="d"):
    return CorpusChunk(f"{document}{page}-{start}", document, "Manual", page, start,
                       start + len(text), heading, text)  # fmt: skip


def texts(blocks, kind):
    return [block.text for block in blocks if isinstance(block, kind)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("The pump runs. It stops.", ["The pump runs.", "It stops."]),
        ("Set it to 7.5 bar. Wait.", ["Set it to 7.5 bar.", "Wait."]),
        ("Tighten to 45 N·m. The seal is glued.", ["Tighten to 45 N·m.", "The seal is glued."]),
        ("It carries 10 A. Keep off.", ["It carries 10 A.", "Keep off."]),
        ("It boils at 238 °C. It burns.", ["It boils at 238 °C.", "It burns."]),
        ("A hardness of 92 Shore A. It is red.", ["A hardness of 92 Shore A.", "It is red."]),
        ("Use oil, e.g. Gearlube 46S. Wait.", ["Use oil, e.g. Gearlube 46S.", "Wait."]),
        ("Ask Mr. Smith. He knows.", ["Ask Mr. Smith.", "He knows."]),
        ("It began.[4][12] It ended.[5]", ["It began.", "It ended.[5]"]),
        ('It reads "Ready." Press START.', ['It reads "Ready."', "Press START."]),
        ("One line\nand its end.", ["One line and its end."]),
        ("Is it on? Then go! Done", ["Is it on?", "Then go!", "Done"]),
    ],
)
def test_a_sentence_ends_where_a_reader_would_end_it(text, sentences):
    assert split_sentences(text) == sentences


@given(st.text(alphabet="ab .!?A\n", max_size=60))
def test_splitting_sentences_loses_no_word(text):
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_a_paragraph_becomes_its_sentences_and_the_heading_is_none_of_them():
    text = "4 Oil\n\n4.1 Oil filter\n\nThe filter is a spin-on filter. Oil its seal\nfirst."
    assert texts(read_blocks([chunk(text)]), Sentence) == [
        "The filter is a spin-on filter.",
        "Oil its seal first.",
    ]


def test_a_sentence_that_the_end_of_a_page_has_cut_is_none():
    text = "and closes it. The pump runs at 9 bar. The motor is cooled by\n\n- grease\n"
    assert texts(read_blocks([chunk(text)]), Sentence) == ["The pump runs at 9 bar.", "grease"]


def test_steps_keep_their_numbers_and_continuation_lines():
    blocks = read_blocks([chunk("1. Close the valve\nslowly.\n2) Wait.\n\nThen leave it.")])
    steps = [block for block in blocks if isinstance(block, Step)]
    assert [(s.number, s.text) for s in steps] == [(1, "Close the valve slowly."), (2, "Wait.")]
    assert texts(blocks, Sentence) == ["Then leave it."]


def test_bullets_are_sentences_without_their_mark():
    blocks = read_blocks([chunk("- Leaks near the pump.\n\u2022 New noises.")])
    assert texts(blocks, Sentence) == ["Leaks near the pump.", "New noises."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WARNING: The spring is preloaded.", "The spring is preloaded."),
        ("CAUTION The spring is preloaded.", "The spring is preloaded."),
        ("DANGER marks a hazard.", "DANGER marks a hazard."),
        ("NOTE: use the book.", "use the book."),
    ],
)
def test_a_warning_label_is_cut_but_not_a_sentence_about_warnings(text, expected):
    assert texts(read_blocks([chunk(text)]), Sentence) == [expected]


TABLE = (
    "Table 4: Torques\n\n| Bolt | Torque |\n|---|---|\n| Cover | 42 N·m |\n| Feet | 640 N·m |"
)


def test_a_table_row_knows_header_and_caption():
    rows = [b for b in read_blocks([chunk(TABLE)]) if isinstance(b, TableRow)]
    assert [row.cells for row in rows] == [("Cover", "42 N·m"), ("Feet", "640 N·m")]
    assert {(row.header, row.caption) for row in rows} == {(("Bolt", "Torque"), "Torques")}


def test_the_quote_of_a_row_stands_in_its_chunk():
    for row in read_blocks([chunk(TABLE)]):
        assert isinstance(row, TableRow)
        assert find_quote(row.quote, row.chunk.text) is not None


def test_a_table_that_runs_on_keeps_its_header():
    after = chunk("| Lugs | 50 N·m |", start=500)
    rows = read_blocks([chunk(TABLE), after])
    assert [r.header for r in rows if isinstance(r, TableRow) and r.chunk == after] == [
        ("Bolt", "Torque")
    ]


def test_a_table_that_runs_on_takes_the_header_its_heading_names():
    after = chunk("| Lugs | 50 N·m |", heading="8 Torques (Bolt | Torque)", document="e")
    (row,) = read_blocks([after])
    assert isinstance(row, TableRow)
    assert row.header == ("Bolt", "Torque")
    assert after.headings == ["8 Torques"]


@pytest.mark.parametrize("change", [{"document": "e"}, {"heading": "9 Other"}])
def test_a_table_does_not_run_on_into_another_section(change):
    blocks = read_blocks([chunk(TABLE), chunk("| Lugs | 50 N·m |", start=500, **change)])
    assert not [b for b in blocks if isinstance(b, TableRow) and b.cells[0] == "Lugs"]


def test_a_row_with_another_number_of_cells_is_left_out():
    blocks = read_blocks([chunk("| A | B |\n|---|---|\n| 1 | 2 | 3 |\n| 4 | 5 |")])
    assert [b.cells for b in blocks if isinstance(b, TableRow)] == [("4", "5")]


@given(st.text(alphabet="a1. |-\nT:#", max_size=120))
def test_no_text_breaks_the_reader(text):
    read_blocks([chunk(text)])
