"""Sidecars are found beside their documents, near ones before far ones."""

import logging

import pytest

from sfta.adapters.storage import list_sources
from sfta.documents.particulars import Particulars
from sfta.stages.sidecars import Sidecars, is_sidecar


@pytest.fixture
def tree(tmp_path):
    files = {
        "docs/documents.yaml": '"*":\n  owner: ACME\n"pumps/*":\n  licence: MIT\n',
        "docs/pumps/documents.yaml": '"*.txt":\n  owner: Pump works\n  language: de\n',
        "docs/pumps/a.txt": "a",
        "docs/pumps/b.txt": "b",
        "docs/pumps/b.txt.meta.yaml": "title: B\nlanguage: en\n",
        "docs/c.txt": "c",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


WANTED = {
    "a.txt": Particulars(owner="Pump works", licence="MIT", language="de"),
    "b.txt": Particulars(title="B", owner="Pump works", licence="MIT", language="en"),
    "c.txt": Particulars(owner="ACME"),
}


def said(sources, cache):
    sidecars = Sidecars.among(sources, cache)
    found = {
        source.name.rpartition("/")[2]: sidecars.of(source)
        for source in sources
        if not is_sidecar(source)
    }
    return found, sidecars


def test_the_nearer_word_counts_and_the_document_s_own_most(tree, tmp_path):
    found, sidecars = said(list_sources(["docs"], tree), tmp_path)
    assert found == WANTED
    assert sidecars.warn_unused() == 0


def test_a_glob_as_source_finds_the_sidecars_it_does_not_list(tree, tmp_path):
    found, _ = said(list_sources(["docs/**/*.txt"], tree), tmp_path)
    assert found == WANTED


def test_a_single_file_as_source_has_its_folder_s_word_only(tree, tmp_path):
    found, _ = said(list_sources(["docs/pumps/a.txt"], tree), tmp_path)
    assert found == {"a.txt": Particulars(owner="Pump works", language="de")}


def test_an_object_store_has_sidecars_too(tree, tmp_path):
    import fsspec

    store = fsspec.filesystem("memory")
    for path in (tree / "docs").rglob("*"):
        if path.is_file():
            store.pipe(f"/bucket/{path.relative_to(tree / 'docs')}", path.read_bytes())
    try:
        found, _ = said(list_sources(["memory://bucket"], tree), tmp_path / "cache")
    finally:
        store.store.clear()
    assert found == WANTED


def test_what_describes_nothing_is_named(tree, tmp_path, caplog):
    (tree / "docs" / "gone.pdf.meta.yaml").write_text("owner: X\n")
    (tree / "docs" / "documents.yaml").write_text('"*.pdf":\n  owner: ACME\n')
    _, sidecars = said(list_sources(["docs"], tree), tmp_path)
    with caplog.at_level(logging.WARNING, "sfta"):
        assert sidecars.warn_unused() == 2
    assert any("gone.pdf.meta.yaml describes no document" in m for m in caplog.messages)
    assert any("no document matches *.pdf" in m for m in caplog.messages)
