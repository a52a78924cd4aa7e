"""PDF files: paragraphs, columns, running lines and headings."""

from drawn_pdf import PROSE, Sheet, assert_boxes, blocks, read, texts, with_running_lines
from sfta.documents.parse import ParseOptions


def test_a_paragraph_is_one_line_and_paragraphs_are_apart(pdf):
    sheet = Sheet(pdf)
    y = sheet.prose(72, 100, PROSE)
    sheet.prose(72, y + 8, PROSE)
    parsed = read(pdf)
    assert texts(parsed) == [PROSE, PROSE]
    assert parsed.pages[0].text == f"{PROSE}\n\n{PROSE}"
    assert_boxes(parsed.pages[0])


def test_a_paragraph_without_extra_space_begins_where_a_line_end_was_meant(pdf):
    sheet = Sheet(pdf)
    y = sheet.prose(72, 100, PROSE)
    sheet.prose(72, y, "A new paragraph begins here. " + PROSE)
    assert texts(read(pdf)) == [PROSE, "A new paragraph begins here. " + PROSE]


def test_words_broken_at_a_line_end_are_joined(pdf):
    sheet = Sheet(pdf)
    sheet.lines(
        72,
        100,
        [
            "This low-pressure line of text is as long as the lines below it, and the com-",
            "pressor is broken there, while the second break keeps its hyphen: the low-",
            "pressure side is one term of this document.",
        ],
    )
    assert texts(read(pdf)) == [
        (
            "This low-pressure line of text is as long as the lines below it, and the compressor"
            " is broken there, while the second break keeps its hyphen: the low-pressure side is"
            " one term of this document."
        )
    ]


def test_two_columns_are_read_one_after_the_other(pdf):
    sheet = Sheet(pdf)
    y = sheet.prose(72, 100, "Full width first. " + PROSE)
    left = sheet.prose(72, y + 20, "Left column. " + PROSE, width=210)
    right = sheet.prose(310, y + 24, "Right column. " + PROSE, width=210)
    sheet.prose(72, max(left, right) + 20, "Full width last. " + PROSE)
    assert texts(read(pdf)) == [
        "Full width first. " + PROSE,
        "Left column. " + PROSE,
        "Right column. " + PROSE,
        "Full width last. " + PROSE,
    ]


def test_a_sentence_goes_on_in_the_next_column(pdf):
    sheet = Sheet(pdf)
    words = PROSE.split()
    half = 22
    sheet.prose(72, 100, " ".join(words[:half]), width=210)
    sheet.prose(310, 100, " ".join(words[half:]), width=210)
    assert texts(read(pdf)) == [PROSE]


def test_three_columns_are_read_in_order(pdf):
    sheet = Sheet(pdf)
    for number, x in enumerate((40, 220, 400)):
        sheet.prose(
            x, 100 + 3 * number, f"Column {number}. " + PROSE, width=150, size=9, step=12
        )
    assert [text[:9] for text in texts(read(pdf))] == ["Column 0.", "Column 1.", "Column 2."]


def test_running_lines_are_dropped_and_counted(pdf):
    with_running_lines(pdf)
    parsed = read(pdf)
    for number in range(1, 7):
        assert texts(parsed, number) == [f"Body of page number {number * 7}. " + PROSE]
    assert parsed.counts["running_lines"] == 24


def test_running_lines_can_be_kept(pdf):
    with_running_lines(pdf)
    parsed = read(pdf, ParseOptions(drop_running=False))
    assert "Operator Manual" in parsed.pages[0].text
    assert "Page 1 of 6" in parsed.pages[0].text


def test_bare_page_numbers_are_dropped_by_counting(pdf):
    for number in range(1, 6):
        sheet = Sheet(pdf)
        sheet.prose(72, 100, f"{'oil ' * number}{PROSE}")
        sheet.line(290 + (number % 2) * 10, 815, str(number + 10), size=8)
    parsed = read(pdf)
    for number in range(1, 6):
        assert texts(parsed, number) == [f"{'oil ' * number}{PROSE}"]


def test_a_line_that_repeats_in_the_body_is_no_running_line(pdf):
    for _ in range(5):
        sheet = Sheet(pdf)
        sheet.line(72, 300, "Wear gloves.")
        sheet.prose(72, 400, PROSE)
    assert texts(read(pdf))[0] == "Wear gloves."


def test_headings_have_levels_from_their_numbers(pdf):
    sheet = Sheet(pdf)
    sheet.line(72, 90, "4 Operation", size=17, bold=True)
    sheet.line(72, 120, "4.2 Starting", size=13, bold=True)
    sheet.line(72, 145, "4.2.1 Cold start", size=11, bold=True)
    sheet.prose(72, 165, PROSE)
    assert blocks(read(pdf)) == [
        ("heading", 1, "4 Operation"),
        ("heading", 2, "4.2 Starting"),
        ("heading", 3, "4.2.1 Cold start"),
        ("paragraph", 0, PROSE),
    ]


def test_headings_without_numbers_have_levels_from_their_size(pdf):
    sheet = Sheet(pdf)
    sheet.line(72, 90, "Operation", size=18, bold=True)
    y = sheet.prose(72, 115, PROSE)
    sheet.line(72, y + 12, "Starting", size=13, bold=True)
    sheet.prose(72, y + 32, PROSE)
    kinds = [(kind, level) for kind, level, _ in blocks(read(pdf))]
    assert kinds == [("heading", 1), ("paragraph", 0), ("heading", 2), ("paragraph", 0)]


def test_the_outline_of_the_file_decides_over_the_looks(pdf):
    sheet = Sheet(pdf)
    sheet.line(72, 90, "Starting the package")
    sheet.prose(72, 120, PROSE)
    pdf.set_toc([[1, "Operation", 1], [2, "Starting  the package", 1]])
    assert blocks(read(pdf))[0] == ("heading", 2, "Starting the package")


def test_a_bold_word_does_not_make_a_paragraph_a_heading(pdf):
    sheet = Sheet(pdf)
    sheet.line(72, 100, "Note:", bold=True)
    sheet.line(110, 100, "the package starts by itself after a power failure.")
    sheet.prose(72, 130, PROSE)
    kinds = [kind for kind, _, _ in blocks(read(pdf))]
    assert kinds == ["paragraph", "paragraph"]
