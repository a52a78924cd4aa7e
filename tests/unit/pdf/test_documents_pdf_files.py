"""PDF files that are refused, and the manuals of the quickstart."""

import io

import pymupdf
import pytest

from drawn_pdf import (
    OPTIONS,
    PROSE,
    QUICKSTART,
    Sheet,
    assert_boxes,
    blocks,
    read,
    texts,
    with_running_lines,
)
from sfta.documents.document import UnreadableError
from sfta.documents.parse import ParseOptions, parse


def refused(raw, name="manual.pdf", options=OPTIONS):
    with pytest.raises(UnreadableError) as error:
        parse(raw, name, options)
    return error.value.code, str(error.value)


def test_an_encrypted_file_is_refused(pdf):
    Sheet(pdf).prose(72, 100, PROSE)
    raw = pdf.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x", owner_pw="y")
    assert refused(raw) == ("encrypted", "it is encrypted and asks for a password")


def test_a_file_that_only_forbids_changes_is_read(pdf):
    Sheet(pdf).prose(72, 100, PROSE)
    parsed = read(pdf, encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="y")
    assert texts(parsed) == [PROSE]


def test_a_file_of_pictures_is_refused_with_advice(pdf):
    for _ in range(2):
        page = pdf.new_page()
        picture = pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 20, 20), 0)
        page.insert_image(page.rect, pixmap=picture)
    code, reason = refused(pdf.tobytes())
    assert code == "no_text"
    assert reason == ("its 2 pages hold pictures only and no text, and ingest.ocr.mode is off")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_damaged(pdf, share):
    for _ in range(3):
        Sheet(pdf).prose(72, 100, PROSE)
    raw = pdf.tobytes()
    assert refused(raw[: int(len(raw) * share)])[0] == "damaged"


def test_rubbish_behind_a_pdf_header_is_damaged():
    assert refused(b"%PDF-1.7\n" + bytes(range(256)) * 20)[0] == "damaged"


def test_too_many_pages_are_refused(pdf):
    for _ in range(3):
        pdf.new_page()
    code, reason = refused(pdf.tobytes(), options=ParseOptions(most_pages=2))
    assert code == "too_large"
    assert "3 pages" in reason


def test_too_much_text_on_one_page_is_refused(pdf):
    Sheet(pdf).prose(72, 100, PROSE)
    code, reason = refused(pdf.tobytes(), options=ParseOptions(page_characters=50))
    assert code == "too_large"
    assert "page 1" in reason


def test_nothing_is_printed(pdf, capfd):
    Sheet(pdf).grid(72, 200, [["Code", "Meaning"], ["E-1", "oil"]])
    raw = pdf.tobytes()
    parse(raw, "a.pdf", OPTIONS)
    refused(raw[: len(raw) // 2])
    assert capfd.readouterr() == ("", "")


def test_the_same_file_gives_the_same_pages(pdf):
    with_running_lines(pdf, 3)
    raw = pdf.tobytes()
    assert parse(raw, "a.pdf", OPTIONS) == parse(raw, "a.pdf", OPTIONS)


@pytest.fixture(scope="module")
def manuals():
    if not QUICKSTART:
        pytest.skip("the quickstart documents are not rendered")
    return {path.stem: parse(path.read_bytes(), path.name, OPTIONS) for path in QUICKSTART}


def test_the_quickstart_manuals_are_fully_covered_by_boxes(manuals):
    for parsed in manuals.values():
        for page in parsed.pages:
            assert_boxes(page)
            assert "Page " not in page.text.split("\n")[-1]


def test_the_quickstart_manuals_read_as_they_were_written(manuals):
    parsed = manuals["operator-manual"]
    assert parsed.title == "Operator Manual"
    text = "\n".join(page.text for page in parsed.pages)
    assert "\n4.2 Starting\n\n1. Press the START key once.\n2. Watch the oil pressure" in text
    assert "| Running | Steady green | The motor turns and the package delivers air |" in text
    assert parsed.counts["running_lines"] == 4 * len(parsed.pages)


def test_two_columns_of_the_quickstart_manuals_are_in_order(manuals):
    text = "\n".join(page.text for page in manuals["fault-code-reference"].pages)
    section = text[text.index("\n5.4 ") :]
    order = [
        "If the package runs but",
        "If the state reads",
        "The solenoid valve Y1",
        "A leak in",
    ]
    places = [section.index(start) for start in order]
    assert places == sorted(places)
    assert "Its coil has a resistance of 28 ohms and clicks when it is switched." in section


def test_every_heading_of_the_outline_is_found(manuals):
    for path in QUICKSTART:
        with pymupdf.open(path) as document:
            outline = [(level, title, page) for level, title, page in document.get_toc()]
        found = {
            (block.level, page.text[block.start : block.end], page.number)
            for page in manuals[path.stem].pages
            for block in page.blocks
            if block.kind == "heading"
        }
        assert set(outline) <= found


def test_reportlab_paragraphs_are_read_too():
    platypus = pytest.importorskip("reportlab.platypus")
    from reportlab.lib.styles import getSampleStyleSheet

    styles = getSampleStyleSheet()
    buffer = io.BytesIO()
    story = [
        platypus.Paragraph("Chapter of oil", styles["Heading1"]),
        platypus.Paragraph(PROSE, styles["BodyText"]),
        platypus.Paragraph(PROSE, styles["BodyText"]),
    ]
    platypus.SimpleDocTemplate(buffer, invariant=1).build(story)
    parsed = parse(buffer.getvalue(), "a.pdf", OPTIONS)
    assert blocks(parsed) == [
        ("heading", 1, "Chapter of oil"),
        ("paragraph", 0, PROSE),
        ("paragraph", 0, PROSE),
    ]
