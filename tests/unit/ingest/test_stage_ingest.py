"""Stage ingest: every file becomes a document or a line with a reason."""

import logging

import pytest

from ingested_files import ENCRYPTED, PROSE, lines, pdf, recipe_for, run
from sfta.core.stage import Runtime
from sfta.stages import ingest
from sfta_edge.errors import ConfigError


def test_every_file_becomes_a_document_or_a_reason(docs, runtime):
    whole = pdf(PROSE)
    (docs / "a.pdf").write_bytes(whole)
    (docs / "b.md").write_text("# Guide\n\nRead this.\n")
    (docs / "c.txt").write_bytes("Größe: 5 µm".encode("cp1252"))
    (docs / "d-encrypted.pdf").write_bytes(pdf(PROSE, **ENCRYPTED))
    (docs / "e-scan.pdf").write_bytes(pdf(picture=True))
    (docs / "f-short.pdf").write_bytes(whole[: len(whole) // 2])
    (docs / "g-empty.txt").write_bytes(b"")
    (docs / "h-text.pdf").write_text("This is no PDF.")
    (docs / "i.docx").write_bytes(b"PK\x03\x04office")
    (docs / "j-copy.pdf").write_bytes(whole)
    (docs / "k-large.txt").write_bytes(b"x" * (1 << 20) + b"y")
    artifact = run(recipe_for(docs.parent, limits={"file_mb": 1}), runtime)
    documents = lines(artifact, "documents.jsonl")
    assert [(d["name"], d["title"], d["media_type"]) for d in documents] == [
        ("a.pdf", "a", "application/pdf"),
        ("b.md", "Guide", "text/markdown"),
        ("c.txt", "c", "text/plain"),
    ]
    assert documents[2]["pages"][0]["text"] == "Größe: 5 µm"
    quarantine = lines(artifact, "quarantine.jsonl")
    assert [(row["name"], row["code"]) for row in quarantine] == [
        ("d-encrypted.pdf", "encrypted"),
        ("e-scan.pdf", "no_text"),
        ("f-short.pdf", "damaged"),
        ("g-empty.txt", "empty"),
        ("h-text.pdf", "damaged"),
        ("i.docx", "damaged"),
        ("j-copy.pdf", "duplicate"),
        ("k-large.txt", "too_large"),
    ]
    assert {row["page"] for row in quarantine} == {0}
    assert all(row["reason"].startswith(("it", "1 MiB")) for row in quarantine)
    assert artifact.metrics["documents"] == 3
    assert artifact.metrics["quarantined"] == 8
    assert artifact.metrics["quarantined_by_code"]["damaged"] == 3
    assert artifact.metrics["parse"]["encoding_guessed"] == 1


def test_a_document_record_holds_pages_lines_and_blocks(docs, runtime):
    (docs / "a.pdf").write_bytes(pdf(PROSE))
    (document,) = lines(run(recipe_for(docs.parent), runtime), "documents.jsonl")
    assert set(document) == (
        {"id", "name", "title", "sha256", "media_type", "pages"}
        | {"language", "licence", "owner", "access"}
    )
    assert len(document["id"]) == 16
    (page,) = document["pages"]
    assert page["text"] == PROSE
    (line,) = page["lines"]
    assert line[:2] == [0, len(PROSE)]
    block = {"kind": "paragraph", "level": 0, "start": 0, "end": len(PROSE), "header": ""}
    assert page["blocks"] == [block]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pdf(PROSE, **ENCRYPTED), "it is encrypted and asks for a password"),
        (
            pdf(picture=True),
            "its page holds pictures only and no text, and ingest.ocr.mode is off",
        ),
        (b"", "it holds no bytes"),
    ],
    ids=["encrypted", "pictures", "empty"],
)
def test_a_single_unreadable_file_is_one_line_with_name_and_reason(
    docs, runtime, content, reason
):
    (docs / "manual.pdf").write_bytes(content)
    with pytest.raises(ConfigError) as error:
        run(recipe_for(docs.parent, "docs/manual.pdf", ocr={"mode": "off"}), runtime)
    assert str(error.value) == f"no document could be read: manual.pdf: {reason}"
    assert error.value.exit_code == 2
    assert not list((runtime.runs / "ingest").glob("*")), "no artifact is left"


def test_several_unreadable_files_are_counted(docs, runtime):
    for name in ("a.txt", "b.txt", "c.txt"):
        (docs / name).write_bytes(b"")
    with pytest.raises(ConfigError, match=r"a\.txt: it holds no bytes \(and 2 more\)"):
        run(recipe_for(docs.parent), runtime)


def test_a_missing_file_stops_the_run_before_any_stage(docs, runtime):
    recipe = recipe_for(docs.parent, "docs/missing.pdf")
    assert ingest.STAGE.check(recipe, runtime) == [
        f"there is no file {docs.parent / 'docs/missing.pdf'}"
    ]
    with pytest.raises(ConfigError, match=r"there is no file .*missing\.pdf"):
        run(recipe, runtime)
    assert not runtime.runs.exists()


def test_sources_that_are_there_pass_the_check(docs, runtime):
    (docs / "a.txt").write_text("text")
    assert list(ingest.STAGE.check(recipe_for(docs.parent), runtime)) == []


def test_what_is_left_out_is_said(docs, runtime, caplog):
    (docs / "a.txt").write_text("text")
    (docs / "b.txt").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "sfta"):
        run(recipe_for(docs.parent), runtime)
    assert "ingest: left out b.txt: it holds no bytes" in caplog.messages


def test_the_same_files_give_the_same_bytes_with_any_number_of_workers(docs, tmp_path):
    for number in range(4):
        (docs / f"{number}.txt").write_text(f"Document {number}.")
    made = [
        run(
            recipe_for(docs.parent),
            Runtime(tmp_path / f"runs{n}", tmp_path / "cache", workers=n),
        )
        for n in (1, 3)
    ]
    assert made[0].digest == made[1].digest
    names = [d["name"] for d in lines(made[0], "documents.jsonl")]
    assert names == ["0.txt", "1.txt", "2.txt", "3.txt"]
