"""What a file is, is told by its content."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import UnreadableError
from sfta.documents.media import HTML, MARKDOWN, PDF, PLAIN, decode, media_type


@pytest.mark.parametrize(
    ("raw", "name", "kind"),
    [
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
        (b"PK\x03\x04rest", "report.pdf", "damaged", "named .pdf but holds a zip"),
        (b"PK\x03\x04rest", "report.docx", "unsupported", "office document"),
        (b"GIF89a", "scan.txt", "unsupported", "picture"),
        (b"\x89PNG\r\n", "report.pdf", "damaged", "named .pdf but holds a picture"),
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
