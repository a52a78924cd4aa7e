"""Sources are found, named and fetched the same way wherever they lie."""

import os

import fsspec
import pytest

from sfta.adapters.source import Source
from sfta.adapters.storage import fetch, list_sources
from sfta.adapters.store import TooLargeError
from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError

MANY = 1 << 20


@pytest.fixture
def root(tmp_path):
    for name in ("a.pdf", "docs/b.pdf", "docs/deep/c.md", "docs/.hidden.pdf", "docs/~$b.docx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path


@pytest.fixture
def store():
    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    filesystem.pipe("/manuals/a.pdf", b"alpha")
    filesystem.pipe("/manuals/old/b.md", b"beta")
    yield filesystem
    filesystem.store.clear()


def names(sources):
    return [source.name for source in sources]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["a.pdf"], ["a.pdf"]),
        (["docs"], ["b.pdf", "deep/c.md"]),
        (["docs/*.pdf"], ["b.pdf"]),
        (["docs/**/*"], ["b.pdf", "deep/c.md"]),
        (["**/*.pdf"], ["a.pdf", "docs/b.pdf"]),
        (["docs", "a.pdf"], ["a.pdf", "b.pdf", "deep/c.md"]),
        (["docs", "docs/b.pdf"], ["b.pdf", "deep/c.md"]),
    ],
)
def test_files_folders_and_globs_are_listed_by_name(root, patterns, expected):
    assert names(list_sources(patterns, root)) == expected


def test_the_order_of_the_patterns_does_not_matter(root):
    assert list_sources(["a.pdf", "docs"], root) == list_sources(["docs", "a.pdf"], root)


def test_names_do_not_depend_on_where_the_folder_lies(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "copy"
    (root / "docs").rename(other)
    assert names(list_sources([str(other)], root)) == ["b.pdf", "deep/c.md"]


def test_a_file_name_with_brackets_is_a_file_name(root):
    (root / "part[1].pdf").write_text("x")
    assert names(list_sources(["part[1].pdf"], root)) == ["part[1].pdf"]


def test_excluded_names_are_left_out(root):
    assert names(list_sources(["docs"], root, exclude=["*.md"])) == ["b.pdf"]
    assert names(list_sources(["docs"], root, exclude=["deep/*"])) == ["b.pdf"]


def test_files_of_the_same_name_are_told_apart_by_their_folder(root):
    for folder in ("en", "de"):
        (root / folder).mkdir()
        (root / folder / "manual.pdf").write_text(folder)
    found = list_sources(["en", "de"], root)
    assert names(found) == ["de/manual.pdf", "en/manual.pdf"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("missing.pdf", "there is no file .*missing.pdf"),
        ("docs/*.docx", "no file matches"),
        ("empty", "the folder .*empty holds no file"),
        ("nowhere/*.pdf", "no file matches"),
    ],
)
def test_a_source_that_is_not_there_is_named(root, pattern, message):
    (root / "empty").mkdir()
    with pytest.raises(ConfigError, match=message):
        list_sources(["a.pdf", pattern], root)


def test_all_missing_sources_are_reported_at_once(root):
    with pytest.raises(ConfigError, match=r"one\.pdf; .*two\.pdf"):
        list_sources(["one.pdf", "two.pdf"], root)


def test_a_pipe_in_a_folder_is_listed_and_refused(root):
    os.mkfifo(root / "docs" / "pipe.pdf")
    found = list_sources(["docs"], root)
    assert names(found) == ["b.pdf", "deep/c.md", "pipe.pdf"]
    assert [s.refused for s in found] == [
        "",
        "",
        "it is a pipe, a socket or a device and no file",
    ]


def test_a_link_out_of_the_folder_is_refused_unless_it_is_named_itself(root):
    (root / "docs" / "out.pdf").symlink_to(root / "a.pdf")
    refused = {s.name: s.refused for s in list_sources(["docs/*.pdf"], root)}
    assert refused == {"b.pdf": "", "out.pdf": "it is a link that leads out of its folder"}
    (source,) = list_sources(["docs/out.pdf"], root)
    assert source.refused == ""


def test_a_local_file_is_read_where_it_lies(root, tmp_path):
    (source,) = list_sources(["a.pdf"], root)
    assert fetch(source, tmp_path / "cache", MANY) == root / "a.pdf"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("memory://manuals", ["a.pdf", "old/b.md"]),
        ("memory://manuals/a.pdf", ["a.pdf"]),
        ("memory://manuals/*.pdf", ["a.pdf"]),
        ("memory://manuals/**/*.md", ["old/b.md"]),
    ],
)
def test_a_store_is_listed_like_a_folder(store, tmp_path, pattern, expected):
    found = list_sources([pattern], tmp_path)
    assert names(found) == expected
    assert all(source.location.startswith("memory://") for source in found)


def test_a_remote_file_is_downloaded_once_per_version(store, tmp_path):
    (source,) = list_sources(["memory://manuals/a.pdf"], tmp_path)
    path = fetch(source, tmp_path, MANY)
    assert path.read_bytes() == b"alpha"
    path.write_bytes(b"cached")
    assert fetch(source, tmp_path, MANY).read_bytes() == b"cached"
    store.pipe("/manuals/a.pdf", b"alpha, second edition")
    (newer,) = list_sources(["memory://manuals/a.pdf"], tmp_path)
    assert fetch(newer, tmp_path, MANY).read_bytes() == b"alpha, second edition"


def test_a_store_without_versions_is_downloaded_every_time(store, tmp_path):
    source = Source("a.pdf", "memory://manuals/a.pdf", 5)
    path = fetch(source, tmp_path, MANY)
    path.write_bytes(b"stale")
    assert fetch(source, tmp_path, MANY).read_bytes() == b"alpha"


def test_a_remote_file_that_vanished_is_a_store_error_and_leaves_nothing(store, tmp_path):
    (source,) = list_sources(["memory://manuals/a.pdf"], tmp_path)
    store.rm("/manuals/a.pdf")
    with pytest.raises(ToolError, match=r"cannot read memory://"):
        fetch(source, tmp_path, MANY)
    assert list((tmp_path / "sources").iterdir()) == []


def test_a_remote_file_that_grew_since_it_was_listed_is_not_taken(store, tmp_path):
    (source,) = list_sources(["memory://manuals/a.pdf"], tmp_path)
    store.pipe("/manuals/a.pdf", b"alpha, and more")
    with pytest.raises(ToolError, match="has 15 bytes, and had 5 a moment ago"):
        fetch(source, tmp_path, MANY)
    assert list((tmp_path / "sources").iterdir()) == []


def test_more_bytes_than_allowed_are_not_downloaded(store, tmp_path):
    (source,) = list_sources(["memory://manuals/a.pdf"], tmp_path)
    with pytest.raises(TooLargeError):
        fetch(source, tmp_path, 4)
    assert list((tmp_path / "sources").iterdir()) == []


def test_hidden_files_of_a_store_are_left_out_unless_they_are_named(store, tmp_path):
    store.pipe("/manuals/.DS_Store", b"x")
    store.pipe("/manuals/.old/c.pdf", b"x")
    assert names(list_sources(["memory://manuals"], tmp_path)) == ["a.pdf", "old/b.md"]
    assert names(list_sources(["memory://manuals/.DS_Store"], tmp_path)) == [".DS_Store"]


def test_a_remote_source_that_is_not_there_is_named(store, tmp_path):
    with pytest.raises(ConfigError, match="there is no file at memory://manuals/x"):
        list_sources(["memory://manuals/x"], tmp_path)


def test_a_missing_driver_says_how_to_get_it(monkeypatch, tmp_path):
    def no_driver(_url, **_options):
        raise ImportError("Please install adlfs")

    monkeypatch.setattr("fsspec.core.url_to_fs", no_driver)
    with pytest.raises(MissingDependencyError, match="az:// needs a driver") as error:
        list_sources(["az://container/manuals"], tmp_path)
    assert error.value.hint == "Run `pip install 'sfta[azure]'`."


def test_an_unknown_scheme_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the source nosuch://x"):
        list_sources(["nosuch://x"], tmp_path)
