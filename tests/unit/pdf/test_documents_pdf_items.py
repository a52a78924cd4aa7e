"""PDF files: steps, bullets, tables, notes and drawings."""

import pymupdf
import pytest

from drawn_pdf import PROSE, Sheet, assert_boxes, blocks, read, texts
from sfta.documents.parse import ParseOptions


def test_steps_keep_one_line_each(pdf):
    sheet = Sheet(pdf)
    sheet.prose(72, 100, PROSE)
    steps = [
        "Press the START key once and keep it",
        "Wait 12 seconds.",
        "Read the oil pressure.",
    ]
    y = 160
    for number, step in enumerate(steps, 1):
        sheet.line(74, y, f"{number}.")
        sheet.line(90, y, step)
        y += 18
        if number == 1:
            sheet.line(90, y - 4, "pressed until the lamp lights.")
            y += 14
    assert blocks(read(pdf))[-1] == (
        "list",
        0,
        (
            "1. Press the START key once and keep it pressed until the lamp lights.\n"
            "2. Wait 12 seconds.\n3. Read the oil pressure."
        ),
    )


def test_a_number_at_a_line_start_is_no_step(pdf):
    sheet = Sheet(pdf)
    sheet.lines(
        72,
        100,
        [
            "The full list of all hazards of this package stands in chapter",
            "2. The other chapters of the manual refer to it where they can.",
        ],
    )
    assert [kind for kind, _, _ in blocks(read(pdf))] == ["paragraph"]


def test_bullets_become_dashes_and_nested_ones_are_indented(pdf):
    sheet = Sheet(pdf)
    for y, x, text in (
        (100, 72, "oil"),
        (116, 90, "gear oil"),
        (132, 90, "spare oil"),
        (148, 72, "water"),
    ):
        sheet.line(x, y, "\u2022")
        sheet.line(x + 12, y, text)
    assert blocks(read(pdf)) == [("list", 0, "- oil\n  - gear oil\n  - spare oil\n- water")]


def test_a_table_becomes_markdown_rows_in_its_place(pdf):
    sheet = Sheet(pdf)
    y = sheet.prose(72, 100, "Before. " + PROSE)
    sheet.line(72, y + 10, "Table 1: Codes", size=9)
    rows = [["Code", "Meaning", "Action"], ["E-1", "oil | low", "fill up"], ["E-2", "hot", ""]]
    y = sheet.grid(72, y + 18, rows)
    sheet.prose(72, y + 30, "After. " + PROSE)
    parsed = read(pdf)
    assert blocks(parsed) == [
        ("paragraph", 0, "Before. " + PROSE),
        ("caption", 0, "Table 1: Codes"),
        (
            "table",
            0,
            (
                "| Code | Meaning | Action |\n|---|---|---|\n"
                "| E-1 | oil \\| low | fill up |\n| E-2 | hot |  |"
            ),
        ),
        ("paragraph", 0, "After. " + PROSE),
    ]
    page = parsed.pages[0]
    assert page.blocks[2].header == "Code | Meaning | Action"
    assert page.text.count("hot") == 1
    assert_boxes(page)


def test_the_box_of_a_table_row_is_the_row(pdf):
    Sheet(pdf).grid(72, 200, [["Code", "Meaning"], ["E-1", "oil"], ["E-2", "hot"]])
    page = read(pdf).pages[0]
    at = page.text.index("E-2")
    line = next(i for i in page.lines if i.start <= at < i.end)
    assert (line.x0, line.x1) == pytest.approx((72, 282), abs=1)
    assert (line.y0, line.y1) == pytest.approx((236, 254), abs=1)


def test_tables_can_be_read_as_plain_text(pdf):
    Sheet(pdf).grid(72, 200, [["Code", "Meaning"], ["E-1", "oil"], ["E-2", "hot"]])
    parsed = read(pdf, ParseOptions(tables=False))
    assert "|" not in parsed.pages[0].text
    assert "E-1" in parsed.pages[0].text


@pytest.mark.parametrize("repeated", [True, False])
def test_a_table_over_two_pages_keeps_its_column_names(pdf, repeated):
    head = [["Code", "Meaning", "Action"]]
    body = [[f"E-{i}", "meaning", "action"] for i in range(8)]
    Sheet(pdf).grid(72, 600, head + body[:4])
    Sheet(pdf).grid(72, 80, (head if repeated else []) + body[4:])
    parsed = read(pdf)
    second = parsed.pages[1]
    assert second.blocks[0].header == "Code | Meaning | Action"
    assert second.text.startswith("| Code" if repeated else "| E-4")
    assert ("|---|" in second.text) is repeated


def test_another_table_on_the_next_page_has_its_own_names(pdf):
    Sheet(pdf).grid(72, 600, [["Code", "Meaning"], ["E-1", "oil"], ["E-2", "hot"]])
    Sheet(pdf).grid(100, 80, [["Part", "Number"], ["Filter", "12"], ["Hose", "13"]])
    assert read(pdf).pages[1].blocks[0].header == "Part | Number"


def test_a_boxed_note_is_one_paragraph_behind_its_label(pdf):
    sheet = Sheet(pdf)
    sheet.prose(72, 60, PROSE)
    page = sheet.page
    page.draw_rect((72, 150, 140, 180), fill=(0.8, 0.3, 0), color=(0.8, 0.3, 0))
    page.draw_rect((72, 150, 520, 180), color=(0.8, 0.3, 0))
    page.draw_line((140, 150), (140, 180))
    sheet.line(80, 168, "WARNING", size=9, bold=True, color=(1, 1, 1))
    sheet.line(150, 163, "Hot pipes burn the skin. Let them cool for at least", size=9)
    sheet.line(150, 175, "forty minutes.", size=9)
    assert texts(read(pdf))[-1] == (
        "WARNING: Hot pipes burn the skin. Let them cool for at least forty minutes."
    )


def test_labels_of_a_drawing_stay_out_of_the_text(pdf):
    sheet = Sheet(pdf)
    y = sheet.prose(72, 80, "Before. " + PROSE)
    page = sheet.page
    for x, label in ((100, "Intake filter"), (220, "LP airend"), (340, "Intercooler")):
        page.draw_rect((x, y + 20, x + 90, y + 60))
        sheet.line(x + 8, y + 42, label, size=8)
    page.draw_line((190, y + 40), (220, y + 40))
    page.draw_line((310, y + 40), (340, y + 40))
    sheet.line(72, y + 80, "Figure 1: Path of the air", size=9)
    sheet.prose(72, y + 110, "After. " + PROSE)
    assert blocks(read(pdf)) == [
        ("paragraph", 0, "Before. " + PROSE),
        ("caption", 0, "Intake filter\nLP airend\nIntercooler"),
        ("caption", 0, "Figure 1: Path of the air"),
        ("paragraph", 0, "After. " + PROSE),
    ]


def test_rows_of_a_table_of_contents_keep_their_page_numbers(pdf):
    sheet = Sheet(pdf)
    sheet.prose(72, 60, PROSE)
    for y, title, page in ((200, "1 About", 2), (214, "1.1 Who should read it", 3)):
        sheet.line(72, y, title)
        sheet.line(500, y, str(page))
    sheet.line(72, 228, "2 Description .......................................... 14")
    assert blocks(read(pdf))[-1] == (
        "list",
        0,
        "1 About … 2\n1.1 Who should read it … 3\n2 Description … 14",
    )


def test_a_listing_keeps_its_lines_and_indents(pdf):
    sheet = Sheet(pdf)
    sheet.prose(72, 80, PROSE)
    sheet.line(72, 160, "if ready:", font="cour")
    sheet.line(72 + 4 * 6.3, 174, "start()", font="cour")
    assert blocks(read(pdf))[-1] == ("code", 0, "if ready:\n    start()")


def test_raised_characters_stay_distinct(pdf):
    sheet = Sheet(pdf)
    sheet.line(72, 100, "The package delivers 36.9 m")
    x = 72 + pymupdf.get_text_length("The package delivers 36.9 m", "helv", 10.5)
    sheet.line(x, 96, "3", size=6.5)
    sheet.line(x + 6, 100, "per minute.")
    assert texts(read(pdf)) == ["The package delivers 36.9 m³ per minute."]
