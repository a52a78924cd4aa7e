"""E-mail: the message, then what is attached to it; what cannot be read is named."""

import zipfile
from email.message import EmailMessage
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import Parsed, UnreadableError
from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()


def mail(text="Hello.", subject="Pumps", **fields):
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "Bob <bob@example.org>"
    message["Date"] = "Fri, 16 Dec 2022 17:04:16 -0500"
    message["Subject"] = subject
    for name, value in fields.items():
        message[name] = value
    message.set_content(text)
    return message


def attach(message, raw, name, kind="application/octet-stream"):
    main, _, sub = kind.partition("/")
    message.add_attachment(raw, maintype=main, subtype=sub, filename=name)
    return message


def read(message, name="a.eml"):
    raw = message if isinstance(message, bytes) else message.as_bytes()
    return parse(raw, name, OPTIONS)


def blocks(parsed, page=0):
    text = parsed.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in parsed.pages[page].blocks]


HEADER = (
    "From: Ada <ada@example.org>\nTo: Bob <bob@example.org>\n"
    "Date: Fri, 16 Dec 2022 17:04:16 -0500"
)


def test_a_message_begins_with_its_subject_and_says_who_wrote_to_whom():
    parsed = read(mail("Hello.\n\n- one\n- two\n", Bcc="secret@example.org"))
    assert blocks(parsed) == [
        ("heading", 1, "Pumps"),
        ("paragraph", 0, HEADER),
        ("paragraph", 0, "Hello."),
        ("list", 0, "- one\n- two"),
    ]
    assert (parsed.title, parsed.media_type) == ("Pumps", "message/rfc822")


def test_the_form_that_a_reader_sees_is_read_and_the_other_is_no_attachment():
    message = mail("plain form")
    message.add_alternative(
        "<html><h1>Steps</h1><ul><li>one</li></ul><p hidden>secret</p></html>", subtype="html"
    )
    parsed = read(message)
    assert blocks(parsed)[2:] == [("heading", 2, "Steps"), ("list", 0, "- one")]
    assert parsed.counts == {"elements_left_out": 1}


def test_attachments_follow_as_pages_whatever_they_are_called():
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    message = attach(mail(), b"# Guide\n\nRead this.", "guide.md")
    attach(message, buffer.getvalue(), "../../all.zip")
    attach(message, b"a,b\n1,2\n", "data.csv", "text/csv")
    parsed = read(message)
    assert [page.number for page in parsed.pages] == [1, 2, 3]
    assert parsed.pages[1].text == "Guide\n\nRead this."
    assert parsed.pages[2].text == "| a | b |\n|---|---|\n| 1 | 2 |"
    counts = {k: parsed.counts[k] for k in ("attachments", "attachments_read")}
    assert counts == {"attachments": 3, "attachments_read": 2}
    (left_out,) = parsed.left_out
    assert (left_out.name, left_out.code) == ("all.zip", "unsupported")
    assert left_out.reason.startswith("it is a zip archive")
    assert len(left_out.sha256) == 64
    assert Parsed.from_json(parsed.to_json()) == parsed


def test_a_mail_in_a_mail_is_read_to_a_small_depth():
    message = mail("innermost")
    for number in range(5):
        outer = mail(f"level {number}")
        outer.add_attachment(message)
        message = outer
    parsed = read(message)
    assert len(parsed.pages) == 4
    (left_out,) = parsed.left_out
    assert left_out.reason == "it is attached to a mail in a mail in a mail"
    assert left_out.name == "/".join(["attachment-1.eml"] * 4)


def test_very_many_attachments_are_counted_and_the_rest_named():
    message = mail()
    for number in range(102):
        attach(message, b"text", f"{number}.txt")
    parsed = read(message)
    assert len(parsed.pages) == 101
    assert [part.code for part in parsed.left_out] == ["too_large"] * 2


def test_a_picture_that_a_message_shows_is_no_attachment():
    message = mail("plain")
    message.add_alternative("<html><p>Look</p><img src='cid:x'></html>", subtype="html")
    message.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<x>")
    parsed = read(message)
    assert "attachments" not in parsed.counts
    assert parsed.left_out == ()


@pytest.mark.parametrize("kind", ["multipart/encrypted", "application/pkcs7-mime"])
def test_an_encrypted_mail_says_so(kind):
    raw = f"From: a@b.c\nSubject: x\nMIME-Version: 1.0\nContent-Type: {kind}\n\nsealed".encode()
    with pytest.raises(UnreadableError, match="encrypted e-mail") as refused:
        read(raw)
    assert refused.value.code == "encrypted"


@pytest.mark.parametrize("charset", ["none-such", "ascii", "utf-8"])
def test_a_text_whose_encoding_is_wrong_is_read_by_its_content(charset):
    head = f"From: a@b.c\nSubject: x\nContent-Type: text/plain; charset={charset}\n\n"
    parsed = read(head.encode() + "Größe".encode("cp1252"))
    assert blocks(parsed)[-1][2] == "Größe"
    assert parsed.counts == {"encoding_guessed": 1}


def test_words_of_header_fields_are_decoded_on_one_line():
    raw = b"From: a@b.c\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\n =?utf-8?q?_5?=\n\nText."
    assert read(raw).title == "Größe 5"


def test_a_mail_without_any_text_is_no_document():
    with pytest.raises(UnreadableError) as refused:
        read(b"X-One: 1\nSubject:\nMIME-Version: 1.0\n\n", "a.eml")
    assert refused.value.code == "no_text"


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_header_are_read_or_refused_with_one_error(noise):
    try:
        parsed = read(b"From: a@b.c\nSubject: x\n" + noise)
    except UnreadableError:
        return
    assert parsed.pages
