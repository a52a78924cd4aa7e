"""What a file is, is told by its content."""

import codecs
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import UnreadableError
from sfta.documents.media import (
    CSV,
    DOCX,
    EML,
    EPUB,
    HTML,
    JPEG,
    JSON,
    JSON_LINES,
    MARKDOWN,
    PDF,
    PLAIN,
    PNG,
    PPTX,
    TSV,
    XLSX,
    decode,
    is_misnamed,
    media_type,
)

MAIL = b"From: a@b.c\nTo: d@e.f\nSubject: x\nDate: Fri, 16 Dec 2022 17:04:16 -0500\n\nText."
TYPES = "[Content_Types].xml"
ODT = "application/vnd.oasis.opendocument.text"
XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.main"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def archive(parts):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def office(main):
    return archive({TYPES: f'<Override ContentType="application/vnd.{main}+xml"/>'})


@pytest.mark.parametrize(
    ("raw", "name", "kind"),
    [
        (office("openxmlformats-officedocument.wordprocessingml.document.main"), "a", DOCX),
        (office("ms-word.document.macroEnabled.main"), "a.pdf", DOCX),
        (office("openxmlformats-officedocument.presentationml.slideshow.main"), "a", PPTX),
        (office("ms-powerpoint.presentation.macroEnabled.main"), "a.docx", PPTX),
        (office("openxmlformats-officedocument.spreadsheetml.sheet.main"), "a.txt", XLSX),
        (office("ms-excel.sheet.macroEnabled.main"), "a.xlsm", XLSX),
        (archive({"mimetype": "application/epub+zip"}), "book.zip", EPUB),
        (MAIL, "mail.txt", EML),
        (b"Subject: x\n\nText.", "mail.eml", EML),
        (b"From: me\nTo: you\nSubject: a memo\n\nText.", "memo.txt", PLAIN),
        (b"No mail.", "mail.eml", PLAIN),
        (b'{"a": 1}', "a.txt", JSON),
        (b"[1, 2", "a.txt", PLAIN),
        (b"[" * 100_000, "a.txt", PLAIN),
        (b'{"a": 1}', "a.jsonl", JSON_LINES),
        (b"not json", "a.json", JSON),
        (b"[link](a)", "a.md", MARKDOWN),
        (b"a,b\n1,2", "a.csv", CSV),
        (b"a\tb\n1\t2", "a.tab", TSV),
        (b"a,b\n1,2", "a.txt", PLAIN),
        (b"\x89PNG\r\n", "report.pdf", PNG),
        (b"\x89PNG\r\n", "report.docx", PNG),
        (b"%PDF-1.7\n...", "manual.pdf", PDF),
        (b"%PDF-1.7\n...", "manual.txt", PDF),
        (b"\xef\xbb\xbf\n%PDF-1.4", "shifted", PDF),
        (b"<!DOCTYPE html><html></html>", "page", HTML),
        (b"  <html><body>x</body></html>", "page.txt", HTML),
        (b"<!-- saved --><html>", "page.bin", HTML),
        (b"<p>fragment</p>", "page.html", HTML),
        (b"\x89PNG\r\n", "scan.txt", "image/png"),
        (b"\xff\xd8\xff\xe0", "scan", "image/jpeg"),
        (b"II*\x00", "scan.tif", "image/tiff"),
        (b"MM\x00*", "scan.tif", "image/tiff"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "scan.png", "image/webp"),
        (b"# Title\n\ntext", "readme.md", MARKDOWN),
        (b"# Title\n\ntext", "readme.txt", PLAIN),
        ("größer".encode("latin-1"), "a.txt", PLAIN),
        (codecs.BOM_UTF16_LE + "text".encode("utf-16-le"), "a.txt", PLAIN),
    ],
)
def test_the_content_decides(raw, name, kind):
    assert media_type(raw, name) == kind


@pytest.mark.parametrize(
    ("raw", "name", "code", "reason"),
    [
        (b"", "a.pdf", "empty", "no bytes"),
        (b" \n\t\n", "a.txt", "empty", "only spaces"),
        (b"Just a note.", "report.pdf", "damaged", "named .pdf but holds plain text"),
        (b"PK\x03\x04rest", "report.pdf", "damaged", "zip archive that is cut short"),
        (b"PK\x03\x04rest", "report.docx", "damaged", "zip archive that is cut short"),
        (archive({"a.txt": "text"}), "report.pdf", "damaged", "named .pdf but holds a zip"),
        (archive({"a.txt": "text"}), "papers.zip", "unsupported", "it is a zip archive; PDF"),
        (archive({"mimetype": ODT}), "report.odt", "unsupported", "an OpenDocument file"),
        (archive({TYPES: XLSB}), "report.xlsb", "unsupported", "a binary Excel workbook"),
        (b"<html><p>404</p></html>", "a.docx", "damaged", "named .docx but holds plain text"),
        (OLE + b"x", "report.doc", "unsupported", "an old office document"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "encrypted", "password"),
        (b"<html><p>404</p></html>", "a.png", "damaged", "named .png but holds plain text"),
        (b"GIF89a", "scan.png", "damaged", "named .png but holds a GIF picture"),
        (b"GIF89a", "scan.txt", "unsupported", "picture"),
        (b"\x00\x01\x02\x03", "data.txt", "unsupported", "binary"),
        (bytes(range(1, 9)) * 20, "data.md", "unsupported", "binary"),
        (b"{\\rtf1 text}", "a.txt", "unsupported", "rich text"),
    ],
)
def test_other_files_are_refused_with_code_and_reason(raw, name, code, reason):
    with pytest.raises(UnreadableError, match=reason) as refused:
        media_type(raw, name)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("encoding", "guessed"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("utf-32", False)],
)
def test_unicode_is_read_without_guessing(encoding, guessed):
    assert decode("Größe 5 µm\n".encode(encoding)) == ("Größe 5 µm\n", guessed)


def test_a_few_foreign_bytes_are_read_as_the_usual_code_page():
    assert decode("können".encode("cp1252")) == ("können", True)


def test_a_foreign_code_page_is_detected():
    text = "Компрессор подаёт воздух без масла. Перед пуском проверьте уровень воды. " * 5
    read, guessed = decode(text.encode("cp1251"))
    assert guessed
    assert read == text


def test_line_ends_become_unix_line_ends():
    assert decode(b"a\r\nb\rc\n") == ("a\nb\nc\n", False)


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused_with_one_error(raw):
    try:
        media_type(raw, "file.txt")
    except UnreadableError:
        return
    text, _ = decode(raw)
    assert "\r" not in text


@pytest.mark.parametrize(
    ("kind", "name", "misnamed"),
    [
        (DOCX, "a.pdf", True),
        (DOCX, "a.docm", False),
        (PDF, "a.txt", True),
        (PDF, "a.bin", False),
        (PDF, "a", False),
        (JSON, "a.csv", True),
        (PNG, "a.pdf", True),
        (PNG, "a.jpg", True),
        (JPEG, "a.JPG", False),
    ],
)
def test_a_name_that_promises_another_type_is_told(kind, name, misnamed):
    assert is_misnamed(kind, name) is misnamed
