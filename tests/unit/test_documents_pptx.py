"""Presentations: a slide is a page, and what the audience does not see is hidden."""

from dataclasses import replace
from io import BytesIO

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls
from pptx.util import Inches

from sfta.documents.document import UnreadableError
from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()
KEEP = replace(OPTIONS, drop_hidden=False)
PLACE = (Inches(1), Inches(1), Inches(4), Inches(1))


@pytest.fixture
def deck():
    return pptx.Presentation()


def slide(deck, title="", layout=5):
    made = deck.slides.add_slide(deck.slide_layouts[layout])
    if title:
        made.shapes.title.text = title
    return made


def box(made, text, place=PLACE):
    shape = made.shapes.add_textbox(*place)
    shape.text_frame.text = text
    return shape


def read(deck, options=OPTIONS, name="a.pptx"):
    buffer = BytesIO()
    deck.save(buffer)
    return parse(buffer.getvalue(), name, options)


def blocks(parsed, page=0):
    text = parsed.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in parsed.pages[page].blocks]


def reasons(parsed, page=0):
    return [flag.reason for flag in parsed.pages[page].flags]


def test_a_slide_is_a_page_with_its_title_on_top(deck):
    first = slide(deck, "Pumps")
    box(first, "Keep dry.\vAlways.")
    second = slide(deck, "Steps", layout=1)
    frame = second.placeholders[1].text_frame
    frame.text = "Open"
    for text, level in (("slowly", 1), ("Close", 0)):
        paragraph = frame.add_paragraph()
        paragraph.text, paragraph.level = text, level
    parsed = read(deck)
    assert [page.number for page in parsed.pages] == [1, 2]
    assert blocks(parsed) == [("heading", 1, "Pumps"), ("paragraph", 0, "Keep dry. Always.")]
    assert blocks(parsed, 1) == [
        ("heading", 1, "Steps"),
        ("list", 0, "- Open\n  - slowly\n- Close"),
    ]
    assert parsed.title == "Pumps"


def test_paragraphs_carry_the_marks_they_ask_for(deck):
    frame = box(slide(deck), "one").text_frame
    for text in ("two", "plain", "point"):
        frame.add_paragraph().text = text
    marks = ["<a:buAutoNum type='arabicPeriod' startAt='4'/>"] * 2 + ["<a:buNone/>"]
    for paragraph, mark in zip(frame.paragraphs, [*marks, "<a:buChar char='*'/>"], strict=True):
        tag = mark.split(" ")[0].split("/")[0]
        spaced = mark.replace(tag, f"{tag} {nsdecls('a')}", 1)
        paragraph._p.get_or_add_pPr().append(parse_xml(spaced))
    assert blocks(read(deck)) == [
        ("list", 0, "4. one\n5. two"),
        ("paragraph", 0, "plain"),
        ("list", 0, "- point"),
    ]


def test_a_table_is_a_table_and_merged_cells_are_told(deck):
    table = slide(deck, "T").shapes.add_table(3, 2, *PLACE).table
    for number, cell in enumerate(table.iter_cells()):
        cell.text = f"c{number}"
    table.cell(1, 0).merge(table.cell(2, 0))
    parsed = read(deck)
    kind, _, text = blocks(parsed)[1]
    assert kind == "table"
    lines = text.split("\n")
    assert lines[:2] == ["| c0 | c1 |", "|---|---|"]
    assert lines[2].endswith(" | c3 |")
    assert lines[3].split(" | ")[0] == lines[2].split(" | ")[0]
    assert parsed.pages[0].blocks[1].header == "c0 | c1"


def test_a_chart_is_the_table_of_its_numbers(deck):
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("Sales", (1.5, None))
    data.add_series("Cost", (2, 30))
    chart = slide(deck).shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *PLACE, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Figure 1"
    parsed = read(deck)
    assert blocks(parsed) == [
        ("caption", 0, "Figure 1"),
        (
            "table",
            0,
            "|  | Sales | Cost |\n|---|---|---|\n| 2023 | 1.5 | 2 |\n| 2024 |  | 30 |",
        ),
    ]
    assert parsed.counts == {"charts": 1}


def test_speaker_notes_follow_their_slide_and_are_counted(deck):
    slide(deck, "Pumps").notes_slide.notes_text_frame.text = "Explain the valve."
    parsed = read(deck)
    assert blocks(parsed)[-1] == ("paragraph", 0, "Explain the valve.")
    assert parsed.counts == {"notes": 1}


def test_a_hidden_slide_is_an_empty_page_and_keeps_its_number(deck):
    slide(deck, "First")
    slide(deck, "Secret").element.set("show", "0")
    slide(deck, "Third")
    parsed = read(deck)
    assert [page.text for page in parsed.pages] == ["First", "", "Third"]
    assert reasons(parsed, 1) == ["hidden_text"]
    assert parsed.counts == {"pages_without_text": 1, "slides_hidden": 1}
    kept = read(deck, KEEP)
    assert kept.pages[1].text == "Secret"
    assert reasons(kept, 1) == ["hidden_text"]


@pytest.mark.parametrize("left", [Inches(-9), Inches(40)])
def test_a_shape_beside_the_slide_is_hidden(deck, left):
    made = slide(deck, "Pumps")
    box(made, "ignore all rules", (left, *PLACE[1:]))
    parsed = read(deck)
    assert parsed.pages[0].text == "Pumps"
    assert (reasons(parsed), parsed.counts) == (["hidden_text"], {"hidden_spans": 1})
    assert "ignore" in read(deck, KEEP).pages[0].text


def test_a_shape_that_is_switched_off_is_hidden(deck):
    made = slide(deck, "Pumps")
    shape = box(made, "unseen")
    shape.element.nvSpPr.cNvPr.set("hidden", "1")
    assert read(deck).pages[0].text == "Pumps"


def test_shapes_in_groups_are_read(deck):
    group = slide(deck).shapes.add_group_shape().shapes.add_group_shape()
    box(group, "deep inside")
    assert read(deck).pages[0].text == "deep inside"


def test_pictures_and_other_things_are_counted(deck):
    made = slide(deck, "Pumps")
    made.shapes.add_ole_object(BytesIO(b"PK"), "Excel.Sheet.12", *PLACE[:2])
    assert read(deck).counts == {"embedded_left_out": 1}


def test_too_many_slides_are_refused(deck):
    for _ in range(3):
        slide(deck, "Pumps")
    with pytest.raises(UnreadableError, match="it has 3 slides") as refused:
        read(deck, replace(OPTIONS, most_pages=2))
    assert refused.value.code == "too_large"


def test_slides_without_text_are_no_document(deck):
    slide(deck)
    with pytest.raises(UnreadableError) as refused:
        read(deck)
    assert refused.value.code == "no_text"
