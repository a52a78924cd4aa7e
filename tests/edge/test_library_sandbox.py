"""Attacks by files on the process that reads them: only that process ends, with a reason."""

import os
import threading
import time

import pytest

from handed_in_files import (
    PROSE,
    docx,
    docx_bomb,
    docx_entities,
    docx_outside,
    flate_bomb,
    giant_picture_pdf,
    locked_pdf,
    looped_table_pdf,
    looped_tree_pdf,
    many_pages_pdf,
    one_page_pdf,
    pdf,
)
from sfta_edge.documents.document import UnreadableError
from sfta_edge.documents.reading import read_document
from sfta_edge.library import sandbox
from sfta_edge.library.limits import ParseLimits
from sfta_edge.library.sandbox import CancelledError, draw_page, parse_file

LIMITS = ParseLimits(seconds=30, memory_bytes=512 << 20)


@pytest.fixture
def handed(tmp_path):
    def put(raw):
        path = tmp_path / "file"
        path.write_bytes(raw)
        return path

    return put


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (pdf(PROSE), "a.pdf"),
        (docx(), "a.docx"),
        (b"<h1>Oil</h1><p>46S", "a.html"),
        (b"# Oil\n\n46S", "a.md"),
        (b"a,b\n1,2\n", "a.csv"),
        ("Größe".encode("cp1252") * 20, "a.txt"),
        ("Öl".encode("utf-16"), "a.txt"),
    ],
)
def test_the_process_reads_what_is_read_without_it(handed, raw, name):
    assert parse_file(handed(raw), name, LIMITS) == read_document(raw, name, LIMITS.options())


@pytest.mark.parametrize(
    ("raw", "name", "codes"),
    [
        (flate_bomb(), "bomb.pdf", {"no_text", "too_large", "crashed"}),
        (giant_picture_pdf(), "giant.pdf", {"no_text", "too_large", "crashed"}),
        (many_pages_pdf(100_000), "pages.pdf", {"too_large"}),
        (looped_tree_pdf(), "tree.pdf", {"damaged"}),
        (locked_pdf(), "locked.pdf", {"encrypted"}),
        (docx_bomb(), "bomb.docx", {"too_large"}),
        (docx_entities(), "laughs.docx", {"damaged"}),
        (docx_outside(), "outside.docx", {"damaged"}),
        (b"> " * 100_000, "quotes.md", {"damaged", "no_text", "timeout", "crashed"}),
        (b"<div>" * 100_000, "deep.html", {"damaged", "no_text", "timeout"}),
    ],
)
def test_a_hostile_file_ends_with_a_reason(handed, raw, name, codes):
    with pytest.raises(UnreadableError) as refused:
        parse_file(handed(raw), name, LIMITS)
    assert refused.value.code in codes
    assert str(refused.value)


def test_a_table_of_places_that_names_itself_ends(handed):
    parsed = parse_file(handed(looped_table_pdf()), "loop.pdf", LIMITS)
    assert parsed.pages[0].text == "Text of a loop."


def test_a_file_that_takes_too_long_is_ended(handed):
    # Nothing but operators: much to look at, nothing to show.
    slow = one_page_pdf(b"BT /F 1 Tf " + b"(a) Tj " * 3_000_000 + b"ET")
    with pytest.raises(UnreadableError) as refused:
        parse_file(handed(slow), "slow.pdf", ParseLimits(seconds=1))
    assert refused.value.code in ("timeout", "too_large")


def test_a_file_that_needs_too_much_memory_is_ended(handed):
    text = "\n\n".join(f"{number} words of a paragraph." for number in range(60_000))
    with pytest.raises(UnreadableError) as refused:
        parse_file(handed(text.encode()), "a.txt", ParseLimits(memory_bytes=16 << 20))
    assert refused.value.code in ("too_large", "crashed")


def test_more_text_than_may_come_back_is_refused(handed):
    with pytest.raises(UnreadableError, match="more text"):
        parse_file(handed(b"word " * 20_000), "a.txt", ParseLimits(result_bytes=10_000))


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic link"):
        parse_file(tmp_path / "link", "a.txt", LIMITS)


def test_whoever_cancels_does_not_wait(handed):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        parse_file(handed(pdf(PROSE)), "a.pdf", LIMITS, cancel)


def test_no_process_is_left_behind(handed, monkeypatch):
    started = []
    popen = sandbox.subprocess.Popen

    def watched(*args, **options):
        started.append(popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(sandbox.subprocess, "Popen", watched)
    with pytest.raises(UnreadableError):
        parse_file(handed(b"x" * 100), "a.txt", ParseLimits(result_bytes=10))
    assert started[0].returncode is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(started[0].pid, 0)


def test_the_process_gets_no_secret(handed, monkeypatch):
    monkeypatch.setenv("SFTA_TOKEN", "secret")
    seen = {}
    popen = sandbox.subprocess.Popen

    def watched(command, **options):
        seen.update(command=command, **options)
        return popen(command, **options)

    monkeypatch.setattr(sandbox.subprocess, "Popen", watched)
    parse_file(handed(b"text"), "a.txt", LIMITS)
    assert "SFTA_TOKEN" not in seen["env"]
    assert "-I" in seen["command"]
    assert seen["cwd"] == "/"


def test_a_parser_that_dies_is_reported(handed, monkeypatch, tmp_path):
    program = tmp_path / "dies"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sandbox.sys, "executable", str(program))
    with pytest.raises(UnreadableError, match="ended with SIGSEGV") as refused:
        parse_file(handed(b"text"), "a.txt", LIMITS)
    assert refused.value.code == "crashed"


def test_a_parser_that_hangs_is_ended(handed, monkeypatch, tmp_path):
    program = tmp_path / "hangs"
    program.write_text("#!/bin/sh\nsleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sandbox.sys, "executable", str(program))
    monkeypatch.setattr(sandbox, "_GRACE_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(UnreadableError, match="longer than 0 seconds"):
        parse_file(handed(b"text"), "a.txt", ParseLimits(seconds=0))
    assert time.monotonic() - began < 60


def test_a_page_is_drawn(handed):
    picture = draw_page(handed(pdf(PROSE)), 1, 640, LIMITS)
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("raw", "number", "reason"),
    [
        (pdf(PROSE), 2, "no page 2"),
        (locked_pdf(), 1, "password"),
        (b"plain text", 1, "no readable PDF"),
        (pdf(PROSE, size=(10, 14_000)), 1, "too tall"),
    ],
)
def test_what_cannot_be_drawn_says_why(handed, raw, number, reason):
    with pytest.raises(UnreadableError, match=reason):
        draw_page(handed(raw), number, 640, LIMITS)


def test_a_page_with_a_giant_picture_is_drawn_within_the_limits(handed):
    assert draw_page(handed(giant_picture_pdf(12_000)), 1, 320, ParseLimits()).startswith(
        b"\x89PNG"
    )
