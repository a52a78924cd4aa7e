"""A hostile file ends its own process and nothing else."""

import subprocess
import sys
import time
import zlib
from pathlib import Path

import pymupdf
import pytest

from pretended_tesseract import PROSE, Pretended, saved, sheet
from sfta.documents import isolation
from sfta.documents.document import (
    CODES,
    Block,
    Line,
    Page,
    Parsed,
    UnreadableError,
    document_id,
)
from sfta.documents.isolation import Limits, parse_isolated
from sfta.documents.ocr.setting import Ocr
from sfta.documents.ocr.tesseract import find_engine
from sfta.documents.parse import ParseOptions

OPTIONS = ParseOptions()
LIMITS = Limits(memory_bytes=1 << 30, seconds=60)


def pdf_of(objects):
    """A PDF file of hand-written objects; the first is the catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)


def stream(head, body):
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (head, len(body), body)


def nested_forms(depth):
    """Ten times ten times ten words: a small file that never ends."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page + b"/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>>>",
        stream(b"", b"/X Do"),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]/Resources"
    for level in range(depth - 1):
        inner = b"<</XObject<</X %d 0 R>>>>" % (7 + level)
        objects.append(stream(form + inner, b"/X Do " * 10))
    word = b"BT /F 10 Tf 10 10 Td (word ) Tj ET"
    objects.append(stream(form + b"<</Font<</F 5 0 R>>>>", word))
    return pdf_of(objects)


def run(tmp_path, raw, name="file.pdf", limits=LIMITS, options=OPTIONS):
    path = tmp_path / "input"
    path.write_bytes(raw)
    return parse_isolated(path, name, tmp_path / "result.json", options, limits)


def refused(tmp_path, raw, name="file.pdf", limits=LIMITS):
    with pytest.raises(UnreadableError) as error:
        run(tmp_path, raw, name, limits)
    assert error.value.code in CODES
    return error.value.code


def test_a_file_is_parsed_in_another_process(tmp_path):
    parsed = run(tmp_path, b"# Title\n\nText.\n", "a.md")
    assert parsed.title == "Title"
    assert parsed.pages[0].text == "Title\n\nText."


def test_a_result_that_is_there_is_used_again(tmp_path):
    first = run(tmp_path, b"Text.", "a.txt")
    again = run(tmp_path, b"Other text that is not looked at.", "a.txt")
    assert again == first


def test_a_refusal_is_kept_like_a_result(tmp_path):
    assert refused(tmp_path, b"", "a.txt") == "empty"
    assert (tmp_path / "result.json").exists()
    assert refused(tmp_path, b"now with text", "a.txt") == "empty"


def test_a_file_that_never_ends_is_stopped(tmp_path):
    limits = Limits(memory_bytes=4 << 30, seconds=1)
    assert refused(tmp_path, nested_forms(9), limits=limits) == "timeout"
    assert not (tmp_path / "result.json").exists()


def test_a_file_that_eats_memory_is_stopped(tmp_path):
    block = b"BT /F 10 Tf 10 10 Td (" + b"word " * 4000 + b") Tj ET\n"
    body = zlib.compress(block * 300, 9)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R"
    raw = pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page + b"/Resources<</Font<</F 5 0 R>>>>>>",
            stream(b"/Filter/FlateDecode", body),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )
    limits = Limits(memory_bytes=60 << 20, seconds=120)
    assert refused(tmp_path, raw, limits=limits) == "too_large"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
        ("raise SystemError('broken parser')", "crashed"),
        ("import sys; sys.exit(0)", "crashed"),
        ("x = bytearray(1 << 40)", "too_large"),
    ],
    ids=["killed", "exception", "no result", "memory"],
)
def test_a_parser_that_breaks_is_reported_as_such(tmp_path, monkeypatch, body, code):
    package = tmp_path / "broken" / "sfta" / "documents"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "child.py").write_text(body)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "broken")])
    assert refused(tmp_path, b"text", "a.txt") == code


def test_the_child_gets_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_KEY", "secret")
    package = tmp_path / "spy" / "sfta" / "documents"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    spy = "import os, sys; sys.exit(' '.join(sorted(os.environ)))"
    (package / "child.py").write_text(spy)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "spy")])
    with pytest.raises(UnreadableError) as error:
        run(tmp_path, b"text", "a.txt")
    assert "PYTHONPATH" in str(error.value)
    assert "AZURE" not in str(error.value)


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_each_page_under_ocr_earns_time_for_the_file(tmp_path, pages):
    job = {"beats": str(tmp_path / "beats"), "name": "scan.pdf"}
    if pages:
        Path(job["beats"]).write_bytes(b"." * pages)
    sleep = ["sleep", "1.5" if pages else "600"]
    with subprocess.Popen(sleep, stdin=subprocess.PIPE) as child:
        try:
            if pages:
                assert isolation._wait(child, job, 0.2, page_seconds=60) == 0
            else:
                with pytest.raises(subprocess.TimeoutExpired):
                    isolation._wait(child, job, 0.2, page_seconds=60)
        finally:
            child.kill()


def test_a_long_scan_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(isolation, "_LINE_EVERY_SECONDS", 0.05)
    job = {"beats": str(tmp_path / "beats"), "name": "scan.pdf"}
    Path(job["beats"]).write_bytes(b"." * 8)
    with (
        caplog.at_level("INFO", logger="sfta"),
        subprocess.Popen(["sleep", "0.3"], stdin=subprocess.PIPE) as child,
    ):
        isolation._wait(child, job, 60, page_seconds=60)
    assert caplog.messages == ["scan.pdf: 7 pages read by OCR"]


def test_pages_read_before_an_interruption_are_not_read_again(tmp_path, monkeypatch):
    program = Pretended(tmp_path, monkeypatch)
    ocr = Ocr("auto", engine=str(find_engine(("eng",))))
    options = ParseOptions(ocr=ocr)
    pages = [sheet([line]) for line in PROSE]
    raw = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    program.write(extra=f"test $(wc -l < {tmp_path}/runs) -lt 4 || kill -9 $PPID")
    with pytest.raises(UnreadableError) as error:
        run(tmp_path, raw, "scan.tif", options=options)
    assert error.value.code == "crashed"
    assert len(program.runs) == 4
    program.write()
    assert len(run(tmp_path, raw, "scan.tif", options=options).pages) == 4
    assert len(program.runs) == 5
    assert not (tmp_path / "result.pages").exists()


def test_what_the_child_started_ends_with_it(tmp_path, monkeypatch):
    package = tmp_path / "leaving" / "sfta" / "documents"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "child.py").write_text(
        "import pathlib, subprocess\n"
        "started = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(tmp_path / 'started')!r}).write_text(str(started.pid))\n"
        "started.returncode = 0\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "leaving")])
    assert refused(tmp_path, b"text", "a.txt") == "crashed"
    status = Path("/proc", (tmp_path / "started").read_text(), "status")
    while status.exists() and "zombie" not in status.read_text():
        time.sleep(0.05)


def test_the_parent_lives_on_without_limits(tmp_path):
    refused(tmp_path, nested_forms(9), limits=Limits(1 << 30, 1))
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "Fine.")
        assert run(tmp_path, document.tobytes()).pages[0].text == "Fine."


def test_nothing_of_the_child_reaches_the_terminal(tmp_path, capfd):
    run(tmp_path, b"text", "a.txt")
    refused(tmp_path / "..", b"%PDF-1.7 rubbish")
    (tmp_path / ".." / "result.json").unlink()
    assert capfd.readouterr() == ("", "")


def test_pages_pass_between_processes_unchanged():
    page = Page(
        1,
        "Text",
        595.0,
        842.0,
        (Line(0, 4, 1.0, 2.0, 3.5, 4.25),),
        (Block("table", 0, 0, 4, "A | B"),),
    )
    parsed = Parsed("Title", "application/pdf", (page,), {"tables": 1})
    assert Parsed.from_json(parsed.to_json()) == parsed
    assert ParseOptions.from_json(OPTIONS.to_json()) == OPTIONS


def test_a_document_id_depends_on_content_and_name():
    ids = {document_id("ab", "x.pdf"), document_id("ab", "y.pdf"), document_id("cd", "x.pdf")}
    assert len(ids) == 3
    assert all(len(i) == 16 and int(i, 16) >= 0 for i in ids)
    assert document_id("ab", "x.pdf") in ids


def test_parsing_leaves_no_core_file(tmp_path):
    refused(tmp_path, b"%PDF-1.7 rubbish")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "result.json"]


def test_a_module_in_the_working_folder_does_not_take_the_parsers_place(tmp_path, monkeypatch):
    (tmp_path / "sfta").mkdir()
    (tmp_path / "sfta" / "__init__.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, b"text", "a.txt").pages[0].text == "text"
