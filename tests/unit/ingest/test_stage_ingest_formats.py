"""Stage ingest with office files, mails and archives that were made to do harm."""

import zipfile
from email.message import EmailMessage
from io import BytesIO

import docx
import pytest

from ingested_files import lines, recipe_for, run

MEGABYTE = 1 << 20


def word(text="Keep dry."):
    document = docx.Document()
    document.add_paragraph(text)
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def with_part(raw, name, content):
    buffer = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(raw)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
        new.writestr(name, content)
    return buffer.getvalue()


def mail():
    message = EmailMessage()
    for name, value in (("From", "a@b.c"), ("To", "d@e.f"), ("Subject", "Pumps"), ("Date", "")):
        message[name] = value
    message.set_content("See the files.")
    for name, raw in (("guide.docx", word("Attached.")), ("broken.docx", word()[:900])):
        message.add_attachment(raw, maintype="application", subtype="x", filename=name)
    return message.as_bytes()


@pytest.fixture
def ran(docs, runtime):
    """Runs ingest over files by name and gives its artifact."""

    def over(files, **limits):
        for name, raw in files.items():
            (docs / name).write_bytes(raw)
        return run(recipe_for(docs.parent, limits=limits), runtime)

    return over


def test_an_attachment_that_cannot_be_read_is_quarantined_and_its_mail_is_a_document(ran):
    artifact = ran({"a.eml": mail()})
    (document,) = lines(artifact, "documents.jsonl")
    assert [page["number"] for page in document["pages"]] == [1, 2]
    assert document["pages"][1]["text"] == "Attached."
    (row,) = lines(artifact, "quarantine.jsonl")
    assert (row["name"], row["code"]) == ("a.eml/broken.docx", "damaged")
    assert row["reason"].startswith("it is a zip archive that is cut short")
    assert artifact.metrics["quarantined"] == 1
    assert artifact.metrics["parse"]["attachments"] == 2


def test_hostile_archives_are_set_aside_with_a_reason_and_the_others_go_on(ran):
    doctype = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>'
    artifact = ran(
        {
            "a-bomb.docx": with_part(word(), "word/media/x.bin", bytes(30 * MEGABYTE)),
            "b-entity.docx": with_part(word(), "word/custom.xml", doctype),
            "d-good.pdf": word(),
        },
        unpacked_mb=40,
    )
    (document,) = lines(artifact, "documents.jsonl")
    assert (document["name"], document["media_type"].rpartition(".")[2]) == (
        "d-good.pdf",
        "document",
    )
    assert artifact.metrics["parse"]["misnamed"] == 1
    rows = {row["name"]: row for row in lines(artifact, "quarantine.jsonl")}
    assert rows["a-bomb.docx"]["code"] == "too_large"
    assert "as in a zip bomb" in rows["a-bomb.docx"]["reason"]
    assert "document type" in rows["b-entity.docx"]["reason"]


def test_the_limit_on_unpacking_is_a_setting(ran):
    artifact = ran(
        {"a.docx": with_part(word(), "word/x.bin", bytes(range(256)) * 9000), "b.docx": word()},
        unpacked_mb=1,
    )
    (row,) = lines(artifact, "quarantine.jsonl")
    assert row["reason"] == "it unpacks to 3 MiB, more than ingest.limits.unpacked_mb allows"
