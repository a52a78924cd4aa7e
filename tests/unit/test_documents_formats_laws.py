"""Laws that hold for every format: what is written is read, and chunks rebuild their page."""

import socket
import zipfile
from email.message import EmailMessage
from io import BytesIO
from itertools import pairwise

import docx
import openpyxl
import pptx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from hypothesis import given, settings
from hypothesis import strategies as st
from pptx.util import Inches

from sfta.documents.chunking import chunk_pages
from sfta.documents.config import ChunkConfig
from sfta.documents.isolation import Limits, parse_isolated
from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()
CONFIG = ChunkConfig(max_tokens=16, min_tokens=4)

words = st.lists(
    st.sampled_from(["pump", "valve", "oil", "starts.", "Größe"]), min_size=1, max_size=9
)
phrases = words.map(" ".join)
tables = st.integers(2, 3).flatmap(
    lambda width: st.lists(
        st.lists(phrases, min_size=width, max_size=width), min_size=2, max_size=4
    )
)
structures = st.lists(
    st.one_of(
        st.tuples(st.just("heading"), st.integers(1, 6), phrases),
        st.tuples(st.just("paragraph"), st.just(0), phrases),
        st.tuples(st.just("table"), st.just(0), tables),
    ),
    min_size=1,
    max_size=5,
)


def saved(document):
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word(structure):
    document = docx.Document()
    for kind, level, content in structure:
        if kind == "table":
            table = document.add_table(len(content), len(content[0]))
            for row, texts in zip(table.rows, content, strict=True):
                for cell, text in zip(row.cells, texts, strict=True):
                    cell.text = text
        elif kind == "heading":
            document.add_heading(content, level)
        else:
            document.add_paragraph(content)
    return saved(document)


def slides(structure):
    deck = pptx.Presentation()
    place = (Inches(1), Inches(1), Inches(4), Inches(1))
    for kind, _, content in structure:
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        if kind == "heading":
            slide.shapes.title.text = content
        elif kind == "table":
            table = slide.shapes.add_table(len(content), len(content[0]), *place).table
            for cell, text in zip(
                table.iter_cells(), [t for row in content for t in row], strict=True
            ):
                cell.text = text
        else:
            slide.shapes.add_textbox(*place).text_frame.text = content
    return saved(deck)


def workbook(structure):
    book = openpyxl.Workbook()
    for kind, _, content in structure:
        for row in content if kind == "table" else [[content]]:
            book.active.append(row)
        book.active.append([])
    return saved(book)


def html(structure):
    parts = []
    for kind, level, content in structure:
        if kind == "table":
            rows = ("".join(f"<td>{cell}</td>" for cell in row) for row in content)
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
        else:
            tag = f"h{level}" if level else "p"
            parts.append(f"<{tag}>{content}</{tag}>")
    return f"<html><body>{''.join(parts)}</body></html>"


def epub(structure):
    container = '<container><r xmlns="x"><rootfile full-path="b.opf"/></r></container>'
    item = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    package = f'<package xmlns="x">{item}<itemref idref="a"/></package>'
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("mimetype", "application/epub+zip")
        made.writestr("META-INF/container.xml", container)
        made.writestr("b.opf", package)
        made.writestr("a.xhtml", html(structure))
    return buffer.getvalue()


def email(structure):
    message = EmailMessage()
    for name, value in (("From", "a@b.c"), ("To", "d@e.f"), ("Subject", ""), ("Date", "")):
        message[name] = value
    message.set_content(html(structure), subtype="html")
    return message.as_bytes()


WRITERS = {"docx": word, "pptx": slides, "xlsx": workbook, "epub": epub, "eml": email}
each_format = pytest.mark.parametrize("name", WRITERS)


def shown(content):
    if isinstance(content, str):
        return content
    lines = ["| " + " | ".join(row) + " |" for row in content]
    return "\n".join([lines[0], "|" + "---|" * len(content[0]), *lines[1:]])


def blocks(parsed):
    return [
        (b.kind, b.level, page.text[b.start : b.end])
        for page in parsed.pages
        for b in page.blocks
    ]


@each_format
@given(structure=structures)
@settings(max_examples=12, deadline=None)
def test_what_was_written_is_read_in_its_order(name, structure):
    found = [
        text for _, _, text in blocks(parse(WRITERS[name](structure), f"a.{name}", OPTIONS))
    ]
    written = [shown(content) for _, _, content in structure]
    assert [text for text in found if text in written] == written


@pytest.mark.parametrize("name", ["docx", "epub"])
@given(structure=structures)
@settings(max_examples=12, deadline=None)
def test_formats_with_headings_give_the_blocks_that_were_written(name, structure):
    parsed = parse(WRITERS[name](structure), f"a.{name}", OPTIONS)
    assert blocks(parsed) == [(kind, level, shown(c)) for kind, level, c in structure]


def visible(text):
    return "".join(text.split())


@each_format
@given(structure=structures)
@settings(max_examples=12, deadline=None)
def test_chunks_rebuild_their_page(name, structure):
    parsed = parse(WRITERS[name](structure), f"a.{name}", OPTIONS)
    chunks = chunk_pages(parsed.pages, lambda text: len(text.split()), CONFIG)
    for page in parsed.pages:
        own = [chunk for chunk in chunks if chunk.page == page.number]
        assert all(chunk.text == page.text[chunk.start : chunk.end] for chunk in own)
        assert all(left.end <= right.start for left, right in pairwise(own))
        assert visible("".join(chunk.text for chunk in own)) == visible(page.text)
        covered = "".join(page.text[b.start : b.end] for b in page.blocks)
        assert visible(covered) == visible(page.text)


@each_format
def test_the_same_file_gives_the_same_result_in_a_process_of_its_own(name, tmp_path):
    raw = WRITERS[name]([("heading", 1, "Pumps"), ("paragraph", 0, "Keep dry.")])
    path = tmp_path / "input"
    path.write_bytes(raw)
    limits = Limits(memory_bytes=256 << 20, seconds=60)
    made = parse_isolated(path, f"a.{name}", tmp_path / "out.json", OPTIONS, limits)
    assert made == parse(raw, f"a.{name}", OPTIONS)


def test_nothing_a_file_links_to_is_fetched(monkeypatch):
    def refuse(*_):
        raise AssertionError("a parser asked for a connection")

    document = docx.Document()
    document.add_paragraph("Text.")
    kinds = [RELATIONSHIP_TYPE.IMAGE, RELATIONSHIP_TYPE.HYPERLINK, RELATIONSHIP_TYPE.OLE_OBJECT]
    template = RELATIONSHIP_TYPE.IMAGE.replace("image", "attachedTemplate")
    for kind in (*kinds, template):
        document.part.relate_to("http://host.invalid/x", kind, is_external=True)
    picture = [("paragraph", 0, "Text. <img src='http://host.invalid/x.png'>")]
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert parse(saved(document), "a.docx", OPTIONS).pages[0].text == "Text."
    assert parse(epub(picture), "a.epub", OPTIONS).pages[0].text == "Text."
    assert parse(email(picture), "a.eml", OPTIONS).pages[0].text.endswith("Text.")
