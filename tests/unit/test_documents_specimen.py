"""One specimen with everything a manual has, set by reportlab and read back."""

import io

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    FrameBreak,
    ListFlowable,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from sfta.documents.chunking import chunk_pages
from sfta.documents.config import ChunkConfig
from sfta.documents.parse import ParseOptions, parse

STYLES = getSampleStyleSheet()
BODY = ParagraphStyle("body", STYLES["BodyText"], fontSize=10, leading=13)
PROSE = (
    "The compressor delivers air without oil in the chamber, and both rotors turn in dry air"
    " all the time. Timing gears keep them apart, so they never touch each other."
)
ROWS = [[f"E-{n}", f"Meaning number {n}", "Call the service"] for n in range(100, 150)]
HEAD = ["Code", "Meaning", "Action"]


def running(canvas, document):
    canvas.setFont("Helvetica", 8)
    canvas.drawString(72, 810, "Aldervane CX-220 Operator Manual")
    canvas.drawString(72, 30, "edition 4")
    canvas.drawRightString(520, 30, f"Page {document.page}")


def templates():
    one = Frame(72, 60, 451, 720, id="one")
    left = Frame(60, 60, 230, 720, id="left")
    right = Frame(310, 60, 230, 720, id="right")
    return [
        PageTemplate("single", [one], onPage=running),
        PageTemplate("double", [left, right], onPage=running),
    ]


def story():
    grid = TableStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
            ("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey),
            ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
        ]
    )
    steps = [Paragraph(text, BODY) for text in ("Press START.", "Wait.", "Read the gauge.")]
    tools = [Paragraph(text, BODY) for text in ("one wrench", "two gauges")]
    return [
        Paragraph("4 Operation", STYLES["Heading1"]),
        Paragraph(PROSE, BODY),
        Paragraph("4.1 Starting", STYLES["Heading2"]),
        ListFlowable(steps, bulletType="1", bulletFormat="%s."),
        Paragraph("Take these tools:", BODY),
        ListFlowable(tools, bulletType="bullet", start="•"),
        Paragraph(
            "The high-pressure side is a com-<br/>pressor stage with a high-<br/>pressure"
            " valve, an in-<br/>let and well-known parts.",
            BODY,
        ),
        NextPageTemplate("double"),
        PageBreak(),
        Paragraph("Left column. " + PROSE, BODY),
        Paragraph("Second of the left. " + PROSE, BODY),
        FrameBreak(),
        Paragraph("Right column. " + PROSE, BODY),
        Paragraph("Second of the right. " + PROSE, BODY),
        NextPageTemplate("single"),
        PageBreak(),
        Paragraph("5 Faults", STYLES["Heading1"]),
        Paragraph("Table 1: Fault codes", BODY),
        Spacer(1, 6),
        Table([HEAD, *ROWS], repeatRows=1, style=grid, colWidths=(70, 180, 150)),
    ]


@pytest.fixture(scope="module")
def parsed():
    buffer = io.BytesIO()
    document = BaseDocTemplate(buffer, pagesize=A4, pageTemplates=templates(), invariant=1)
    document.build(story())
    return parse(buffer.getvalue(), "specimen.pdf", ParseOptions())


def blocks(parsed, number):
    page = parsed.pages[number - 1]
    return [(b.kind, b.level, page.text[b.start : b.end]) for b in page.blocks]


def test_headings_lists_and_paragraphs(parsed):
    assert blocks(parsed, 1)[:6] == [
        ("heading", 1, "4 Operation"),
        ("paragraph", 0, PROSE),
        ("heading", 2, "4.1 Starting"),
        ("list", 0, "1. Press START.\n2. Wait.\n3. Read the gauge."),
        ("paragraph", 0, "Take these tools:"),
        ("list", 0, "- one wrench\n- two gauges"),
    ]


def test_broken_words_are_joined_and_true_hyphens_stay(parsed):
    assert blocks(parsed, 1)[6][2] == (
        "The high-pressure side is a compressor stage with a high-pressure valve, an inlet and"
        " well-known parts."
    )


def test_two_columns_are_in_order(parsed):
    firsts = [text.split(". ")[0] for _, _, text in blocks(parsed, 2)]
    assert firsts == [
        "Left column",
        "Second of the left",
        "Right column",
        "Second of the right",
    ]


def test_running_heads_feet_and_page_numbers_are_gone(parsed):
    text = "\n".join(page.text for page in parsed.pages)
    assert "Aldervane" not in text
    assert "edition 4" not in text
    assert "Page " not in text
    assert parsed.counts["running_lines"] == 3 * len(parsed.pages)


def test_a_table_over_two_pages_is_markdown_with_its_header_on_both(parsed):
    head = "| Code | Meaning | Action |\n|---|---|---|\n| E-1"
    assert blocks(parsed, 3)[0] == ("heading", 1, "5 Faults")
    assert blocks(parsed, 3)[1] == ("caption", 0, "Table 1: Fault codes")
    assert blocks(parsed, 3)[2][2].startswith(head)
    assert blocks(parsed, 4)[0][2].startswith(head)
    rows = [line for page in parsed.pages for line in page.text.split("\n") if "| E-" in line]
    assert rows == [f"| {' | '.join(row)} |" for row in ROWS]


def test_every_visible_character_has_a_box_on_its_page(parsed):
    for page in parsed.pages:
        held = {i for line in page.lines for i in range(line.start, line.end)}
        assert all(i in held for i, char in enumerate(page.text) if not char.isspace())
        assert all(
            0 <= i.x0 < i.x1 <= page.width and 0 <= i.y0 < i.y1 <= page.height
            for i in page.lines
        )


def test_page_numbers_count_from_one(parsed):
    assert [page.number for page in parsed.pages] == [1, 2, 3, 4]


def test_chunks_repeat_the_header_of_a_table_or_hold_it_whole(parsed):
    config = ChunkConfig(max_tokens=60, min_tokens=10)
    chunks = chunk_pages(parsed.pages, lambda text: len(text.split()), config)
    rows = [chunk for chunk in chunks if "| E-" in chunk.text]
    assert len(rows) > 4
    for chunk in rows:
        named = "| Code | Meaning | Action |" in chunk.text
        assert named or chunk.table_header == "Code | Meaning | Action"
        assert named or chunk.heading.endswith("(Code | Meaning | Action)")


@pytest.mark.parametrize("ligature", ["\ufb01", "\ufb02"])
def test_ligatures_are_spelled_out(ligature):
    import matplotlib as mpl
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    path = f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    pdfmetrics.registerFont(TTFont("DejaVu", path))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.setFont("DejaVu", 11)
    canvas.drawString(72, 700, f"The {ligature}lter of the pump is cleaned every week.")
    canvas.save()
    (page,) = parse(buffer.getvalue(), "a.pdf", ParseOptions()).pages
    plain = {"\ufb01": "fi", "\ufb02": "fl"}[ligature]
    assert page.text == f"The {plain}lter of the pump is cleaned every week."
