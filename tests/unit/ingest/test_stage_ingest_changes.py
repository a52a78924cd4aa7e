"""Stage ingest: the key follows content, and no file is parsed twice."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ingested_files import ENCRYPTED, PROSE, lines, pdf, recipe_for, run
from sfta.core.stage import Runtime, key_of
from sfta.documents.document import UnreadableError
from sfta.stages import ingest, parsing


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
