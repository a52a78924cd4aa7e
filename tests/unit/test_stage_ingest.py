"""Stage ingest: every file becomes a document or a line with a reason."""

import ast
import json
import logging
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pymupdf
import pytest

from sfta.core.config import build
from sfta.core.stage import Runtime, key_of, run_stages
from sfta.documents.document import UnreadableError
from sfta.recipe import Recipe
from sfta.stages import ingest, parsing
from sfta_edge.errors import ConfigError

PROSE = "The compressor delivers air without oil. Both rotors turn in dry air all the time."


def recipe_for(root, *sources, **settings):
    data = {
        "name": "test",
        "ingest": {"sources": list(sources) or ["docs"], **settings},
        "model": {"base": "package://none/none.gguf"},
    }
    recipe = build(Recipe, data, name="test")
    recipe._root = root
    return recipe


def pdf(text="", *, picture=False, **save):
    with pymupdf.open() as document:
        page = document.new_page()
        if text:
            page.insert_text((72, 100), text)
        if picture:
            page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 9, 9), 0))
        return document.tobytes(**save)


ENCRYPTED = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "secret", "owner_pw": "x"}


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


@pytest.fixture
def runtime(tmp_path):
    return Runtime(runs=tmp_path / "runs", cache=tmp_path / "cache", workers=2)


def run(recipe, runtime):
    return run_stages([ingest.STAGE], recipe, runtime)["documents"]


def lines(artifact, name):
    return [json.loads(line) for line in artifact.file(name).read_bytes().splitlines()]


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


def key(recipe, runtime):
    return key_of(ingest.STAGE, recipe, {}, runtime)


def test_the_key_follows_content_and_settings_not_place(docs, runtime, tmp_path):
    (docs / "a.txt").write_text("text")
    first = key(recipe_for(docs.parent), runtime)
    moved = tmp_path / "moved"
    moved.mkdir()
    docs.rename(moved / "docs")
    assert key(recipe_for(moved), runtime) == first
    assert key(recipe_for(moved, hidden_text="keep"), runtime) != first
    (moved / "docs" / "a.txt").write_text("other")
    assert key(recipe_for(moved), runtime) != first


@pytest.fixture
def parsed(monkeypatch):
    """Names of the files that a process was started for."""
    real, names = parsing.parse_to, []

    def counting(path, name, out, options, limits):
        names.append(name)
        return real(path, name, out, options, limits)

    monkeypatch.setattr(parsing, "parse_to", counting)
    return names


def test_only_new_and_changed_files_are_parsed(docs, runtime, parsed):
    for name in ("a.txt", "b.txt", "c.txt"):
        (docs / name).write_text(f"Text of {name}.")
    run(recipe_for(docs.parent), runtime)
    assert sorted(parsed) == ["a.txt", "b.txt", "c.txt"]
    parsed.clear()
    (docs / "b.txt").write_text("Another text.")
    (docs / "c.txt").unlink()
    (docs / "d.txt").write_text("A new text.")
    changed = run(recipe_for(docs.parent), runtime)
    assert sorted(parsed) == ["b.txt", "d.txt"]
    documents = lines(changed, "documents.jsonl")
    assert [(d["name"], d["pages"][0]["text"]) for d in documents] == [
        ("a.txt", "Text of a.txt."),
        ("b.txt", "Another text."),
        ("d.txt", "A new text."),
    ]
    scratch = Runtime(runtime.runs / "scratch", runtime.cache / "scratch", workers=1)
    assert run(recipe_for(docs.parent), scratch).digest == changed.digest


def test_a_file_that_is_moved_or_renamed_is_not_parsed_again(docs, runtime, parsed):
    (docs / "a.txt").write_text("Text.")
    run(recipe_for(docs.parent), runtime)
    (docs / "old").mkdir()
    (docs / "a.txt").rename(docs / "old" / "b.txt")
    (document,) = lines(run(recipe_for(docs.parent), runtime), "documents.jsonl")
    assert document["name"] == "old/b.txt"
    assert parsed == ["a.txt"]


def test_a_file_with_another_suffix_is_parsed_again(docs, runtime, parsed):
    (docs / "a.txt").write_text("# Not a heading")
    run(recipe_for(docs.parent), runtime)
    (docs / "a.txt").rename(docs / "a.md")
    (document,) = lines(run(recipe_for(docs.parent), runtime), "documents.jsonl")
    assert document["title"] == "Not a heading"
    assert parsed == ["a.txt", "a.md"]


@pytest.mark.parametrize("setting", [{"hidden_text": "keep"}, {"limits": {"memory_mb": 999}}])
def test_other_settings_parse_everything_again(docs, runtime, parsed, setting):
    (docs / "a.txt").write_text("Text.")
    run(recipe_for(docs.parent), runtime)
    run(recipe_for(docs.parent, **setting), runtime)
    assert parsed == ["a.txt", "a.txt"]


def test_a_refusal_is_kept_and_a_lack_of_time_is_not(docs, runtime, parsed, monkeypatch):
    (docs / "a.txt").write_text("Text.")
    (docs / "b.pdf").write_bytes(pdf(PROSE, **ENCRYPTED))
    (docs / "c.txt").write_text("Slow text.")
    counting = parsing.parse_to

    def slow(path, name, out, options, limits):
        if name == "c.txt":
            parsed.append(name)
            raise UnreadableError("timeout", "parsing took longer than 1 seconds")
        return counting(path, name, out, options, limits)

    with monkeypatch.context() as busy:
        busy.setattr(parsing, "parse_to", slow)
        first = run(recipe_for(docs.parent), runtime)
    codes = [row["code"] for row in lines(first, "quarantine.jsonl")]
    assert codes == ["encrypted", "timeout"]
    parsed.clear()
    (docs / "d.txt").write_text("More text.")
    second = run(recipe_for(docs.parent), runtime)
    assert sorted(parsed) == ["c.txt", "d.txt"]
    assert [row["code"] for row in lines(second, "quarantine.jsonl")] == ["encrypted"]


def test_a_killed_run_parses_no_file_twice(docs, runtime, monkeypatch):
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text(name)
    recipe = recipe_for(docs.parent)
    real, parsed = parsing.parse_to, []

    def interrupted(path, name, out, options, limits):
        parsed.append(name)
        if name == "b.txt" and len(parsed) < 3:
            raise KeyboardInterrupt
        return real(path, name, out, options, limits)

    monkeypatch.setattr(parsing, "parse_to", interrupted)
    one = Runtime(runtime.runs, runtime.cache, workers=1)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, one)
    assert parsed == ["a.txt", "b.txt"]
    run(recipe, one)
    assert parsed == ["a.txt", "b.txt", "b.txt"]


def test_every_library_that_parses_takes_part_in_the_key():
    folder = Path(parsing.__file__).parents[1] / "documents"
    used = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                used.add((node.module or "").split(".")[0])
    owners = packages_distributions()
    foreign = used - sys.stdlib_module_names - {"sfta", "sfta_edge", "pydantic"}
    assert {owners[name][0] for name in foreign} <= set(parsing.PARSERS)


def test_a_remote_store_is_a_source_like_any_other(runtime, tmp_path):
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/bucket/manual.txt", b"Text from the store.")
    try:
        artifact = run(recipe_for(tmp_path, "memory://bucket"), runtime)
    finally:
        store.store.clear()
    (document,) = lines(artifact, "documents.jsonl")
    assert (document["name"], document["pages"][0]["text"]) == (
        "manual.txt",
        "Text from the store.",
    )
