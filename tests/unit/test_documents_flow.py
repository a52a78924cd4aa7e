"""Columns, footnotes, floats, drawn bullets and accents of real pages."""

import pymupdf
import pytest

from sfta.documents.parse import ParseOptions, parse
from sfta.documents.pdf.accents import composed
from sfta.documents.pdf.bullets import write_bullets
from sfta.documents.pdf.flow import is_caption
from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word

PROSE = (
    "The compressor delivers air without oil in the chamber, and both rotors turn in dry air"
    " all the time. Timing gears keep them apart, so they never touch each other. Cooling"
    " water flows through three coolers that are supplied in parallel from the main"
)


@pytest.fixture
def pdf():
    with pymupdf.open() as document:
        yield document


def prose(page, x, y, text, *, width=210, size=10.5, step=14):
    """Wrapped text; returns the height of the next line."""
    row = ""
    for word in text.split():
        if pymupdf.get_text_length(f"{row} {word}", "helv", size) > width:
            page.insert_text((x, y), row, fontsize=size)
            row, y = "", y + step
        row = f"{row} {word}".strip()
    page.insert_text((x, y), row, fontsize=size)
    return y + step


CLOSING = f"Closing. {PROSE}. {PROSE}."


def closing(page, y):
    """A paragraph that makes the right column reach below the left one."""
    prose(page, 310, y + 8, CLOSING)


def texts(document):
    (page,) = parse(document.tobytes(), "a.pdf", ParseOptions()).pages
    return [page.text[b.start : b.end] for b in page.blocks]


def halves():
    words = PROSE.split()
    return " ".join(words[:24]), " ".join(words[24:])


def test_a_footnote_does_not_part_a_sentence_between_columns(pdf):
    page = pdf.new_page()
    left, right = halves()
    y = prose(page, 72, 100, "Opening. " + left)
    prose(page, 72, y + 20, "* Measured at sea level and at full load.", size=8, step=10)
    closing(page, prose(page, 310, 100, right + "."))
    assert texts(pdf) == [
        "Opening. " + PROSE + ".",
        CLOSING,
        "* Measured at sea level and at full load.",
    ]


def test_footnotes_of_both_columns_come_last_in_their_order(pdf):
    page = pdf.new_page()
    for number, x in ((1, 72), (2, 310)):
        prose(page, x, 100, f"Column {number}. {PROSE}. {PROSE}.")
        prose(page, x, 420, f"{'*' * number} Note {number} of all the notes here.", size=8)
    assert [text[:8] for text in texts(pdf)] == ["Column 1", "Column 2", "* Note 1", "** Note "]


def test_small_print_without_a_mark_stays_where_it_is(pdf):
    page = pdf.new_page()
    y = prose(page, 72, 100, f"{PROSE}.")
    prose(page, 72, y + 20, "Printed in the works of the maker.", size=8)
    closing(page, prose(page, 310, 100, f"Next. {PROSE}."))
    assert [text[:7] for text in texts(pdf)] == ["The com", "Printed", "Next. T", "Closing"]


def test_a_sentence_goes_on_below_a_table_at_the_top_of_the_next_column(pdf):
    page = pdf.new_page()
    left, right = halves()
    y = prose(page, 72, 100, f"First. {PROSE}.")
    prose(page, 72, y + 8, "Opening. " + left)
    for row in range(4):
        page.draw_line((310, 90 + 18 * row), (520, 90 + 18 * row))
    for x in (310, 415, 520):
        page.draw_line((x, 90), (x, 144))
    for row, cells in enumerate((("Code", "Meaning"), ("E-1", "oil"), ("E-2", "hot"))):
        for x, cell in zip((314, 419), cells, strict=True):
            page.insert_text((x, 103 + 18 * row), cell, fontsize=9)
    page.insert_text((310, 160), "Table 1: Codes", fontsize=9)
    closing(page, prose(page, 310, 200, right + "."))
    found = texts(pdf)
    assert found[:2] == [f"First. {PROSE}.", f"Opening. {PROSE}."]
    assert found[2].startswith("| Code | Meaning |")
    assert found[3:] == ["Table 1: Codes", CLOSING]


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("Table 3: Fault codes", True),
        ("Fig. 2.1 Path of the air", True),
        ("Fig. 2.1: Path of the air", True),
        ("Abbildung 4 – Kreislauf", True),
        ("Table 3 shows the codes", False),
        ("Table 3: " + "long " * 80, False),
    ],
)
def test_captions_are_told_from_sentences(text, caption):
    assert is_caption(text) is caption


def test_a_mark_at_the_beginning_of_a_footnote_is_raised(pdf):
    page = pdf.new_page()
    y = prose(page, 72, 100, f"{PROSE}.", width=450)
    page.insert_text((72, y + 12), "1", fontsize=5.5)
    page.insert_text((76, y + 16), "Measured at sea level.", fontsize=8)
    assert texts(pdf)[-1] == "¹Measured at sea level."


def test_an_address_is_no_heading(pdf):
    page = pdf.new_page()
    page.insert_text((72, 80), "Pump manual", fontsize=20, fontname="hebo")
    page.insert_text((72, 110), "service@example.com", fontsize=14)
    prose(page, 72, 150, f"{PROSE}.", width=450)
    (found,) = parse(pdf.tobytes(), "a.pdf", ParseOptions()).pages
    assert [block.kind for block in found.blocks] == ["heading", "paragraph", "paragraph"]


def test_columns_of_a_script_without_letters_are_read_one_after_the_other(pdf):
    page = pdf.new_page()
    left = [
        "圧縮機は油を含まない空気を",
        "供給し、二つの回転子は常に",
        "乾いた空気の中で回ります。",
    ]
    right = [
        "冷却水は三つの冷却器を流れ",
        "並列に供給されています。水",
        "の温度は低く保たれます。",
    ]
    for x, column in ((72, left), (320, right)):
        for number, line in enumerate(column):
            page.insert_text((x, 100 + 16 * number), line, fontsize=12, fontname="japan")
    assert texts(pdf) == ["".join(left), "".join(right)]


def drawn_list(pdf, fill=(0, 0, 0), side=3.5):
    page = pdf.new_page()
    y = prose(page, 72, 80, f"{PROSE}.", width=450) + 10
    for number, item in enumerate(("Check the oil.", "Close the valve.", "Press START.")):
        at = y + 15 * number
        page.draw_rect((80, at - side - 1, 80 + side, at - 1), color=None, fill=fill)
        page.insert_text((92, at), item, fontsize=10.5)
    return parse(pdf.tobytes(), "a.pdf", ParseOptions())


def test_a_list_with_drawn_bullets_is_a_list(pdf):
    parsed = drawn_list(pdf)
    (page,) = parsed.pages
    last = page.blocks[-1]
    assert last.kind == "list"
    assert page.text[last.start : last.end] == (
        "- Check the oil.\n- Close the valve.\n- Press START."
    )
    assert parsed.counts["drawn_bullets"] == 3


def test_large_squares_are_no_bullets(pdf):
    assert "drawn_bullets" not in drawn_list(pdf, side=9).counts


def line(text, x, y):
    return TextLine((Word(text, x, y - 8, x + 60, y + 2, y, 10.0, False, False),))


@pytest.mark.parametrize(
    ("drawings", "count"),
    [
        ([(60, 94, 63, 97), (60, 114, 63, 117)], 2),
        ([(60, 94, 63, 97)], 0),
        ([(60, 94, 63, 97), (20, 114, 23, 117)], 0),
        ([(60, 94, 63, 97), (60, 104, 63, 107)], 0),
        ([(60, 94, 63, 95), (60, 114, 63, 115)], 0),
        ([(140, 94, 143, 97), (140, 114, 143, 117)], 0),
    ],
    ids=["two", "one alone", "too far", "between lines", "dashes", "right of the text"],
)
def test_bullets_stand_at_the_left_of_lines_one_below_the_other(drawings, count):
    printed = PrintedPage(600, 800, 0, [line("First", 72, 100), line("Second", 72, 120)])
    filled = [{"fill": (0, 0, 0), "rect": rect} for rect in drawings]
    assert write_bullets(filled, printed, []) == count
    assert sum(i.words[0].text == "\u2022" for i in printed.lines) == count


def test_outlines_are_no_bullets():
    printed = PrintedPage(600, 800, 0, [line("First", 72, 100), line("Second", 72, 120)])
    drawn = [{"fill": None, "rect": (60, y, 63, y + 3)} for y in (94, 114)]
    assert write_bullets(drawn, printed, []) == 0


def test_squares_inside_of_a_figure_are_the_key_of_a_chart():
    printed = PrintedPage(600, 800, 0, [line("First", 72, 100), line("Second", 72, 120)])
    drawn = [{"fill": (1, 0, 0), "rect": (60, y, 63, y + 3)} for y in (94, 114)]
    assert write_bullets(drawn, printed, [(50, 80, 200, 200)]) == 0


def glyph(letter, x0, x1):
    return letter, {"c": letter, "bbox": (x0, 0.0, x1, 10.0)}, {"size": 10.0}


@pytest.mark.parametrize(
    ("glyphs", "text"),
    [
        ([("˘", 0, 5), ("g", 0, 5), ("u", 5, 10)], "ğu"),
        ([("S", 0, 5), ("ˇ", 1, 4), ("e", 5, 9)], "Še"),
        ([("´", 0, 3), ("\u0131", 0, 3)], "í"),
        ([("´", 0, 3), ("t", 4, 7)], "´t"),
        ([("¨", 0, 3), ("u", 0, 3)], "ü"),
        ([("´", 0, 3), ("7", 0, 3)], "´7"),
        ([("´", 0, 3), ("x", 0, 3)], "´x"),
        ([("a", 0, 3)], "a"),
        ([("a", 0, 3), ("´", 3, 6)], "a´"),
    ],
)
def test_an_accent_printed_on_a_letter_becomes_one_with_it(glyphs, text):
    found = composed([glyph(*parts) for parts in glyphs])
    assert "".join(letter for letter, _, _ in found) == text


def test_the_box_of_a_composed_letter_covers_both():
    ((_, char, _),) = composed([glyph("˘", 1, 4), glyph("g", 0, 5)])
    assert char["bbox"] == (0, 0.0, 5, 10.0)
