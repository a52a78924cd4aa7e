"""Pictures in other files: attachments are read by OCR, those between text are counted."""

from dataclasses import replace
from email.message import EmailMessage
from io import BytesIO

import docx
import openpyxl
import openpyxl.drawing.image
import pptx
import pymupdf
import pytest

from pretended_tesseract import PROSE, Pretended, saved, scan, sheet
from sfta.documents.document import Parsed, UnreadableError
from sfta.documents.ocr.setting import Ocr
from sfta.documents.ocr.tesseract import find_engine
from sfta.documents.parse import ParseOptions, parse
from sfta.stages.parsing import _lasts
from sfta_edge.manifest import canonical_json

PICTURE = saved(sheet(["Nothing reads this."]))
ENGINE = Ocr(mode="auto", engine="tesseract 5.3.0, osd 1")
READING = ParseOptions(ocr=ENGINE)
WITHOUT = ParseOptions(ocr=Ocr(mode="auto", missing="tesseract is not installed"))
SEEN = " ".join(PROSE)


@pytest.fixture
def program(tmp_path, monkeypatch):
    yield Pretended(tmp_path, monkeypatch)
    find_engine.cache_clear()


def mail(**attached):
    message = EmailMessage()
    for name, value in (("From", "a@b.c"), ("To", "d@e.f"), ("Subject", "Pumps"), ("Date", "")):
        message[name] = value
    message.set_content("See the files.")
    for name, raw in attached.items():
        named = name.replace("_", ".")
        message.add_attachment(raw, maintype="application", subtype="x", filename=named)
    return message


def words(page):
    return " ".join(page.text.split())


def written(made):
    buffer = BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def half_scanned():
    """A PDF with a page of text, then a page that is a picture."""
    with pymupdf.open(stream=scan(sheet())) as document:
        document.new_page(0).insert_text((72, 100), "A page of text.")
        return document.tobytes()


def test_pictures_and_scans_attached_to_a_mail_are_read_as_its_pages(program):
    raw = mail(a_png=PICTURE, b_pdf=scan(sheet())).as_bytes()
    parsed = parse(raw, "a.eml", READING)
    assert [page.number for page in parsed.pages] == [1, 2, 3]
    assert [words(page) for page in parsed.pages[1:]] == [SEEN, SEEN]
    assert [page.confidence for page in parsed.pages] == [None, 95.0, 95.0]
    assert parsed.counts["ocr_pages"] == 2
    assert parsed.left_out == parsed.unread == ()


def test_without_an_engine_attached_pictures_are_named_with_what_to_install():
    raw = mail(a_png=PICTURE, b_pdf=scan(sheet())).as_bytes()
    parsed = parse(raw, "a.eml", WITHOUT)
    assert len(parsed.pages) == 1
    assert [(p.name, p.code) for p in parsed.left_out] == [
        ("a.png", "no_text"),
        ("b.pdf", "no_text"),
    ]
    assert all("tesseract is not installed" in part.reason for part in parsed.left_out)


def test_a_page_missing_from_an_attachment_is_a_page_of_its_mail():
    inner = mail(half_pdf=half_scanned())
    message = mail(first_txt=b"First.")
    message.add_attachment(inner)
    parsed = parse(message.as_bytes(), "a.eml", WITHOUT)
    assert [words(page)[:5] for page in parsed.pages][1:] == ["First", "Pumps", "A pag", ""]
    (unread,) = parsed.unread
    assert (unread.page, unread.code) == (5, "no_text")
    assert Parsed.from_json(parsed.to_json()) == parsed


def test_a_mail_has_no_more_pages_than_a_document_may_have():
    raw = mail(a_txt=b"One.", b_txt=b"Two.", c_txt=b"Three.").as_bytes()
    parsed = parse(raw, "a.eml", replace(WITHOUT, most_pages=3))
    assert [words(page) for page in parsed.pages[1:]] == ["One.", "Two."]
    assert [(p.name, p.code) for p in parsed.left_out] == [("c.txt", "too_large")]


@pytest.mark.parametrize(("shown", "attachments"), [("cid:a%40b", 0), ("cid:other", 1)])
def test_a_picture_is_part_of_a_message_only_if_its_text_shows_it(program, shown, attachments):
    message = mail()
    message.add_alternative(f"<html><p>Look</p><img src='{shown}'></html>", subtype="html")
    message.get_payload()[1].add_related(
        PICTURE, "image", "png", cid="<a@b>", disposition="inline"
    )
    parsed = parse(message.as_bytes(), "a.eml", READING)
    assert len(parsed.pages) == 1 + attachments
    assert parsed.counts["pictures_left_out"] == 1


def test_a_slide_that_shows_pictures_only_is_listed_as_unread():
    deck = pptx.Presentation()
    for title in ("", "Pumps"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
        slide.shapes.add_picture(BytesIO(PICTURE), 0, 0)
    deck.slides.add_slide(deck.slide_layouts[6])
    parsed = parse(written(deck), "a.pptx", READING)
    assert [(u.page, u.code) for u in parsed.unread] == [(1, "no_text")]
    assert parsed.counts == {"pictures_left_out": 2, "pages_without_text": 2}


def test_pictures_in_a_word_file_and_a_workbook_are_counted():
    document = docx.Document()
    document.add_paragraph("Text.")
    document.add_picture(BytesIO(PICTURE))
    assert parse(written(document), "a.docx", READING).counts == {"pictures_left_out": 1}
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "Text."
    workbook.active.add_image(openpyxl.drawing.image.Image(BytesIO(PICTURE)), "B2")
    assert parse(written(workbook), "a.xlsx", READING).counts["pictures_left_out"] == 1


def test_a_word_file_of_pictures_only_says_so():
    document = docx.Document()
    document.add_picture(BytesIO(PICTURE))
    with pytest.raises(UnreadableError, match="it holds 1 pictures, which are read from") as no:
        parse(written(document), "a.docx", READING)
    assert no.value.code == "no_text"


def test_pictures_of_a_page_of_html_are_counted_unless_hidden():
    html = b"<html><p>Text</p><img src=a><img src=b hidden></html>"
    assert parse(html, "a.html", READING).counts == {"pictures_left_out": 1}


def test_a_word_file_named_otherwise_is_read_and_counted():
    document = docx.Document()
    document.add_paragraph("Text.")
    assert parse(written(document), "report.pdf", READING).counts == {"misnamed": 1}


def test_a_picture_named_like_a_document_is_read_and_counted(program):
    parsed = parse(PICTURE, "a.pdf", READING)
    assert parsed.media_type == "image/png"
    assert parsed.counts["misnamed"] == 1


@pytest.mark.parametrize(("code", "lasts"), [("timeout", False), ("no_text", True)])
def test_a_mail_whose_attachment_ran_out_of_time_is_read_again(code, lasts):
    part = {"code": code, "name": "a.png", "reason": "", "sha256": ""}
    record = {"document": {"left_out": [part], "title": ""}}
    assert _lasts(canonical_json(record)) is lasts
