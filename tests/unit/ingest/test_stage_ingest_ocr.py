"""Ingest and OCR: pictures become pages, or a line that says what to install."""

import json

import pytest

from ingested_files import lines, recipe_for
from pretended_tesseract import PROSE, Pretended, hocr, saved, scan, sheet, without_tesseract
from sfta.core.stage import key_of, run_stages
from sfta.documents.ocr.tesseract import find_engine
from sfta.stages import ingest, parsing
from sfta_edge.errors import ConfigError, MissingDependencyError

PICTURE = sheet(["Nothing reads this."])
MISSING = "tesseract is not installed: apt-get install tesseract-ocr"


@pytest.fixture(autouse=True)
def _forget_engines():
    find_engine.cache_clear()
    yield
    find_engine.cache_clear()


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "program").mkdir()
    return Pretended(tmp_path / "program", monkeypatch)


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    without_tesseract(tmp_path / "bin", monkeypatch)


def run(docs, runtime, **settings):
    return run_stages([ingest.STAGE], recipe_for(docs.parent, **settings), runtime)["documents"]


def test_a_scan_and_a_picture_become_documents(docs, runtime, program):
    (docs / "a.pdf").write_bytes(scan(PICTURE))
    (docs / "b.png").write_bytes(saved(PICTURE))
    artifact = run(docs, runtime)
    documents = lines(artifact, "documents.jsonl")
    assert [d["media_type"] for d in documents] == ["application/pdf", "image/png"]
    for document in documents:
        (page,) = document["pages"]
        assert " ".join(page["text"].split()) == " ".join(PROSE)
        assert page["confidence"] == 95.0
        assert len(page["lines"]) == len(" ".join(PROSE).split()), "each word has its box"
    assert artifact.metrics["ocr"] == {
        "engine": str(find_engine(("eng",))),
        "pages": 2,
        "confidence_lowest": 95.0,
        "confidence_mean": 95.0,
    }


def test_a_box_lies_where_the_word_stands(docs, runtime, program):
    program.answer(hocr(["Close valve V12"]))
    (docs / "a.pdf").write_bytes(scan(PICTURE))
    (document,) = lines(run(docs, runtime), "documents.jsonl")
    (page,) = document["pages"]
    assert page["text"] == "Close valve V12"
    assert page["lines"][1] == [6, 11, 106.56, 72.0, 135.36, 81.6]


def test_without_tesseract_a_scan_is_set_aside_with_what_to_install(
    docs, runtime, nothing_installed
):
    (docs / "a.pdf").write_bytes(scan(PICTURE))
    (docs / "b.png").write_bytes(saved(PICTURE))
    (docs / "c.txt").write_text("Text.")
    assert list(ingest.STAGE.check(recipe_for(docs.parent), runtime)) == []
    artifact = run(docs, runtime)
    assert [
        (r["name"], r["code"], r["reason"]) for r in lines(artifact, "quarantine.jsonl")
    ] == [
        ("a.pdf", "no_text", f"its page holds pictures only and no text, and {MISSING}"),
        ("b.png", "no_text", f"it is a picture, and {MISSING}"),
    ]
    assert "ocr" not in artifact.metrics


def test_a_scanned_page_between_others_is_listed_by_its_number(
    docs, runtime, nothing_installed
):
    import pymupdf

    with pymupdf.open() as document:
        document.new_page().insert_text((72, 100), "The first page is text.")
        document.insert_pdf(pymupdf.open(stream=scan(PICTURE), filetype="pdf"))
        (docs / "a.pdf").write_bytes(document.tobytes())
    artifact = run(docs, runtime)
    (row,) = lines(artifact, "quarantine.jsonl")
    assert (row["page"], row["reason"]) == (2, f"its text is a picture, and {MISSING}")
    assert artifact.metrics["documents"] == 1
    assert artifact.metrics["quarantined"] == 0
    assert artifact.metrics["quarantined_pages"] == 1


def test_always_needs_tesseract_before_anything_runs(docs, runtime, nothing_installed):
    (docs / "a.txt").write_text("Text.")
    recipe = recipe_for(docs.parent, ocr={"mode": "always"})
    assert list(ingest.STAGE.check(recipe, runtime)) == [MISSING]
    with pytest.raises((ConfigError, MissingDependencyError), match="apt-get install"):
        run_stages([ingest.STAGE], recipe, runtime)
    assert not runtime.runs.exists()


def test_a_missing_language_stops_the_run_before_any_stage(docs, runtime, program):
    (docs / "a.txt").write_text("Text.")
    recipe = recipe_for(docs.parent, ocr={"languages": ["eng", "deu"]})
    assert list(ingest.STAGE.check(recipe, runtime)) == [
        "tesseract has no model for deu: apt-get install tesseract-ocr-deu"
    ]
    with pytest.raises((ConfigError, MissingDependencyError), match="no model for deu"):
        run_stages([ingest.STAGE], recipe, runtime)
    assert not runtime.runs.exists()


@pytest.mark.parametrize("name", ["-l", "../eng", "eng;rm", "script/../x", ""])
def test_a_language_is_a_name_and_nothing_else(docs, name):
    with pytest.raises(ConfigError, match="languages"):
        recipe_for(docs.parent, ocr={"languages": [name]})


def test_off_reads_no_picture_and_asks_for_no_program(docs, runtime, program):
    (docs / "a.png").write_bytes(saved(PICTURE))
    (docs / "b.txt").write_text("Text.")
    artifact = run(docs, runtime, ocr={"mode": "off"})
    (row,) = lines(artifact, "quarantine.jsonl")
    assert row["reason"] == "it is a picture, and ingest.ocr.mode is off"
    assert program.runs == []


def test_the_key_follows_the_engine_only_where_it_may_be_used(docs, runtime, program):
    (docs / "a.txt").write_text("Text.")

    def keys():
        return [
            key_of(ingest.STAGE, recipe_for(docs.parent, ocr={"mode": mode}), {}, runtime)
            for mode in ("auto", "off")
        ]

    before = keys()
    program.write(version="5.4.0")
    after = keys()
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_another_engine_reads_everything_again(docs, runtime, program):
    (docs / "a.png").write_bytes(saved(PICTURE))
    run(docs, runtime)
    run(docs, runtime)
    assert len(program.runs) == 1
    program.write(version="5.4.0")
    run(docs, runtime)
    assert len(program.runs) == 2


def test_a_page_with_text_is_not_read_again_and_one_with_only_a_header_is(
    docs, runtime, program
):
    (docs / "a.pdf").write_bytes(scan(PICTURE, header="Archive copy 17"))
    (document,) = lines(run(docs, runtime), "documents.jsonl")
    assert PROSE[0] in document["pages"][0]["text"]
    import pymupdf

    with pymupdf.open(stream=scan(PICTURE), filetype="pdf") as whole:
        whole[0].insert_text((72, 400), "This page has a text layer in its middle.")
        (docs / "a.pdf").write_bytes(whole.tobytes())
    runs = len(program.runs)
    (document,) = lines(run(docs, runtime), "documents.jsonl")
    assert document["pages"][0]["text"] == "This page has a text layer in its middle."
    assert len(program.runs) == runs
    (document,) = lines(run(docs, runtime, ocr={"mode": "always"}), "documents.jsonl")
    assert PROSE[0] in document["pages"][0]["text"]


@pytest.mark.parametrize("instructions", ["keep", "flag", "drop"])
def test_a_doubtful_page_is_listed_whatever_else_is_listed(
    docs, runtime, program, instructions
):
    program.answer(hocr(PROSE, confidence=40))
    (docs / "a.png").write_bytes(saved(PICTURE))
    artifact = run(docs, runtime, instructions=instructions)
    (row,) = lines(artifact, "flags.jsonl")
    assert (row["page"], row["reason"]) == (1, "low_ocr_confidence")
    (document,) = lines(artifact, "documents.jsonl")
    assert document["pages"][0]["confidence"] == 40.0
    assert artifact.metrics["parse"]["ocr_pages_low_confidence"] == 1


def test_a_page_out_of_time_is_listed_and_tried_again_by_the_next_run(docs, runtime, program):
    program.write(extra="while :; do :; done")
    (docs / "a.png").write_bytes(saved(PICTURE))
    (docs / "b.txt").write_text("Text.")
    artifact = run(docs, runtime, ocr={"page_seconds": 1})
    (row,) = lines(artifact, "quarantine.jsonl")
    assert (row["code"], row["reason"]) == (
        "timeout",
        "it is a picture: OCR took longer than ingest.ocr.page_seconds = 1",
    )
    program.write()
    (docs / "b.txt").write_text("Other text.")
    assert lines(run(docs, runtime, ocr={"page_seconds": 1}), "quarantine.jsonl") == []


def test_a_result_with_a_page_out_of_time_is_not_kept():
    def result(code):
        unread = [{"page": 1, "code": code, "reason": ""}]
        return json.dumps({"document": {"unread": unread}}, separators=(",", ":")).encode()

    assert not parsing._lasts(result("timeout"))
    assert not parsing._lasts(result("crashed"))
    assert parsing._lasts(result("no_text"))
    assert parsing._lasts(json.dumps({"document": {"title": '"unread":[timeout'}}).encode())
