"""Word, HTML, Markdown, tables and text on the device, and the records made of them."""

from pathlib import Path

import pytest

from handed_in_files import PassageWords, docx, docx_bomb, docx_entities, docx_outside, pdf
from sfta_edge.documents.document import UnreadableError
from sfta_edge.documents.reading import read_document
from sfta_edge.documents.records import chunk_document, chunk_id, without_blocks
from sfta_edge.documents.rules import ChunkSizes, ReadOptions
from sfta_edge.errors import IntegrityError

SOURCES = Path(__file__).parents[2] / "configs/quickstart/sources"


def read(raw, name, **options):
    return read_document(raw, name, ReadOptions(**options))


def text_of(raw, name):
    return read(raw, name).pages[0].text


@pytest.mark.parametrize(
    ("encoding", "guessed"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("cp1252", True)],
)
def test_text_is_read_in_the_usual_encodings(encoding, guessed):
    parsed = read("Größe über 5 µm: prüfen.".encode(encoding), "a.txt")
    assert parsed.pages[0].text == "Größe über 5 µm: prüfen."
    assert ("encoding_guessed" in parsed.counts) is guessed


def test_a_form_feed_begins_a_page():
    assert [p.text for p in read(b"one\ftwo", "a.txt").pages] == ["one", "two"]


def test_markdown_loses_its_marks_and_keeps_its_tables():
    raw = b"# Oil\n\nUse **46S**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    assert text_of(raw, "a.md") == "Oil\n\nUse 46S.\n\n| a | b |\n|---|---|\n| 1 | 2 |"


def test_html_is_what_a_reader_sees():
    raw = b"<html><script>alert(1)</script><h1>Oil</h1><p hidden>no</p><p>Use 46S.</html>"
    parsed = read(raw, "a.html")
    assert parsed.pages[0].text == "Oil\n\nUse 46S."
    assert parsed.title == "Oil"


def test_csv_rows_are_a_table():
    assert text_of(b"code,meaning\nE-1,hot\nE-2,cold\n", "a.csv").startswith(
        "| code | meaning |"
    )


def test_a_word_document_without_styles_is_read():
    assert text_of(docx(), "a.docx") == "Change the oil every 2000 hours."


def test_what_a_file_is_decides_and_not_what_it_is_called():
    assert text_of(pdf("Real PDF."), "a.txt") == "Real PDF."
    assert text_of(docx(), "a.bin") == "Change the oil every 2000 hours."


@pytest.mark.parametrize(
    ("raw", "name", "code", "reason"),
    [
        (b"", "a.txt", "empty", "no bytes"),
        (b" \n ", "a.txt", "empty", "only spaces"),
        (b"plain text", "a.pdf", "damaged", "named .pdf but holds plain text"),
        (b"<html><body>404 not found", "a.docx", "damaged", "named .docx"),
        (docx_bomb(), "a.docx", "too_large", "zip bomb"),
        (docx_entities(), "a.docx", "damaged", "document type"),
        (docx_outside(), "a.docx", "damaged", "document type"),
        (docx()[:400], "a.docx", "damaged", "cut short"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 90, "a.txt", "unsupported", "are read"),
        (b"\x00\x01\x02" * 40, "a.txt", "unsupported", "binary"),
        (b"From: a@b\nTo: c@d\nSubject: x\nDate: y\n\nhi", "a.eml", "unsupported", "are read"),
        (b"<p hidden>nothing</p>", "a.html", "no_text", "no text"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(raw, name, code, reason):
    with pytest.raises(UnreadableError, match=reason) as refused:
        read(raw, name)
    assert refused.value.code == code


def test_a_refusal_speaks_of_the_device_and_not_of_a_recipe():
    with pytest.raises(UnreadableError, match="more than this device reads"):
        read(docx(), "a.docx", unpacked_bytes=100)


def document(text="# Oil\n\nUse 46S. Change it every year.\n"):
    page = read(text.encode(), "a.md").pages[0]
    return {"id": "d1", "title": "Oil", "name": "a.md", "pages": [page.to_json()]}


def test_chunks_are_stretches_of_their_page_with_their_headings():
    found = document()
    (chunk,) = chunk_document(found, PassageWords().count_tokens, ChunkSizes())
    page = found["pages"][0]["text"]
    assert chunk["text"] == page[chunk["start"] : chunk["end"]]
    assert (chunk["heading"], chunk["ordinal"], chunk["document_id"]) == ("Oil", 0, "d1")
    assert chunk["id"] == chunk_id("d1", 1, chunk["start"], chunk["end"], chunk["text"])


def test_a_document_goes_into_the_index_without_its_blocks():
    pages = without_blocks(document())["pages"]
    assert set(pages[0]) == {"number", "text", "width", "height", "lines"}


def test_the_factory_cuts_the_same_document_into_the_same_chunks():
    config = pytest.importorskip("sfta.documents.config").ChunkConfig()
    stage = pytest.importorskip("sfta.stages.chunk")
    found = document((SOURCES / "safety-manual.md").read_text("utf-8"))
    count = PassageWords().count_tokens
    ours = chunk_document(found, count, ChunkSizes())
    assert len(ours) > 10
    assert ours == stage.chunk_document(found, count, config)


def test_the_sizes_of_a_device_are_those_of_a_recipe():
    config = pytest.importorskip("sfta.documents.config").ChunkConfig()
    names = ("strategy", "max_tokens", "min_tokens", "overlap_tokens")
    assert all(getattr(config, name) == getattr(ChunkSizes(), name) for name in names)


def test_a_bundle_may_record_other_sizes():
    assert ChunkSizes.of({}) == ChunkSizes()
    assert ChunkSizes.of({"chunk": {"max_tokens": 256}}).max_tokens == 256


@pytest.mark.parametrize(
    "said",
    [
        {"max_tokens": 1},
        {"max_tokens": "256"},
        {"max_tokens": True},
        {"strategy": "x"},
        {"q": 1},
        3,
    ],
)
def test_rules_that_are_none_are_refused(said):
    with pytest.raises(IntegrityError, match="chunk rules"):
        ChunkSizes.of({"chunk": said})
