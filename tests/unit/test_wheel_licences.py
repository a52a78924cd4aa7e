"""What wheels say of themselves, and how sources and wheels get their names."""

import io
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from sfta.adapters import storage, store, wheelhouse
from sfta.adapters.storage import Source, list_sources
from sfta.adapters.wheel_file import Wheel, normalised, refused_licences
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError, ToolError

TERMS = st.sampled_from(["MIT", "Apache-2.0", "BSD-3-Clause", "LGPL-2.1-only", "MPL-2.0"])
BARRED = st.sampled_from(["GPL-3.0-only", "AGPL-3.0-or-later", "SSPL-1.0", "CC-BY-NC-4.0"])
FOLDERS = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)


def wheel(name="a", licence="MIT", *, number="1", sha256="0" * 64):
    path = Path(f"/w/{name}-{number}-py3-none-any.whl")
    return Wheel(path, name, number, sha256, licence)


def written(folder, *headers, files=()):
    path = folder / "a-1-py3-none-any.whl"
    metadata = "\n".join(["Metadata-Version: 2.4", "Name: A_b.C", "Version: 1", *headers])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a-1.dist-info/METADATA", metadata + "\n\nText.\n")
        for name in files:
            archive.writestr(name, name)
    return path


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True))
def test_names_are_compared_as_the_package_index_compares_them(name):
    assert normalised(name) == canonicalize_name(name)
    assert normalised(normalised(name)) == normalised(name)


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        (["License-Expression: MIT", "License: GPL"], "MIT"),
        (["License: Apache 2.0", "Classifier: License :: OSI Approved"], "Apache 2.0"),
        (["License: unknown", "Classifier: License :: OSI Approved :: X"], "X"),
        (["License: " + "word " * 50, "Classifier: License :: Public Domain"], "Public Domain"),
        (["Classifier: License :: OSI Approved"], ""),
        (["Classifier: License :: A", "Classifier: License :: B"], "A, B"),
        (["Classifier: Topic :: Licensing"], ""),
        ([], ""),
    ],
)
def test_the_most_exact_statement_of_a_licence_counts(tmp_path, headers, licence):
    found = Wheel.read(written(tmp_path, *headers))
    assert (found.name, found.version, found.licence) == ("a-b-c", "1", licence)


def test_only_licences_of_the_wheel_itself_are_taken(tmp_path):
    names = [
        "a-1.dist-info/licenses/LICENSE",
        "a-1.dist-info/licenses/vendor/x/COPYING",
        "a-1.dist-info/NOTICE.txt",
        "a-1.dist-info/licence.md",
        "a-1.dist-info/entry_points.txt",
        "a/LICENSE",
        "a/vendor/COPYING",
    ]
    found = Wheel.read(written(tmp_path, files=names)).licence_files()
    assert sorted(found) == ["LICENSE", "NOTICE.txt", "licence.md", "vendor/x/COPYING"]
    assert found["vendor/x/COPYING"] == names[1].encode()


@given(st.lists(TERMS, min_size=1, max_size=3), st.lists(BARRED, max_size=2))
def test_one_barred_licence_of_several_that_all_hold_bars_the_wheel(free, barred):
    joined = wheel(licence=" AND ".join(free + barred))
    assert bool(refused_licences([joined])) is bool(barred)


@given(st.lists(TERMS, max_size=2), st.lists(BARRED, min_size=1, max_size=3))
def test_one_free_licence_of_several_to_choose_from_is_enough(free, barred):
    choice = wheel(licence=" OR ".join(barred + free))
    assert bool(refused_licences([choice])) is not bool(free)


def test_every_wheel_that_may_not_ship_is_named():
    wheels = [wheel("a"), wheel("b", "GPL-2.0-only"), wheel("c", "")]
    assert refused_licences(wheels) == [
        "b-1-py3-none-any.whl is under GPL-2.0-only",
        "c-1-py3-none-any.whl states no licence",
    ]


@given(st.permutations([wheel("a"), wheel("b"), wheel("c")]))
def test_the_pinned_list_does_not_depend_on_the_order_of_the_wheels(wheels):
    assert wheelhouse.requirements(wheels) == wheelhouse.requirements(
        [wheel("a"), wheel("b"), wheel("c")]
    )


def test_wheels_of_one_version_for_two_pythons_share_a_line():
    first, second = wheel(sha256="b" * 64), wheel(sha256="a" * 64)
    lines = wheelhouse.requirements([first, second, wheel(number="2")]).decode().splitlines()
    assert lines == [
        f"a==1 --hash=sha256:{'a' * 64} --hash=sha256:{'b' * 64}",
        f"a==2 --hash=sha256:{'0' * 64}",
    ]


def test_a_cache_that_lost_its_list_is_damaged_and_says_what_to_do(tmp_path):
    written(tmp_path, "License-Expression: MIT")
    with pytest.raises(IntegrityError, match="not those that were put there") as caught:
        wheelhouse.opened(tmp_path)
    assert str(tmp_path) in caught.value.hint


@pytest.mark.parametrize(
    ("stderr", "error", "said"),
    [
        ("/usr/bin/python: No module named pip\n", MissingDependencyError, "not installed"),
        ("noise\nERROR: no match for a==1\n", ToolError, "no match for a==1"),
        ("one\ntwo: it broke\n", ToolError, "two: it broke"),
        ("", ToolError, "could not get the wheels"),
    ],
)
def test_why_pip_failed_is_in_the_message(monkeypatch, stderr, error, said):
    failed = subprocess.CompletedProcess([], 1, "", stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(error, match=said) as caught:
        wheelhouse.run_pip(["download"])
    assert caught.value.hint


@given(st.lists(st.tuples(FOLDERS, st.sampled_from(["x.pdf", "y.pdf"])), max_size=6))
def test_names_become_unique_unless_folders_and_names_are_the_same(places):
    sources = [
        Source(name, f"/{number}/{name}", 1, parents=parents)
        for number, (parents, name) in enumerate(places)
    ]
    if len(set(places)) < len(places):
        with pytest.raises(ConfigError, match="two sources have the same name"):
            storage._distinct(sources)
        return
    found = storage._distinct(sources)
    assert len({source.name for source in found}) == len(sources)
    assert [source.location for source in found] == [source.location for source in sources]
    for before, after in zip(sources, found, strict=True):
        assert "/".join([*before.parents, before.name]).endswith(after.name)


@given(st.lists(st.text("abc", min_size=1), unique=True, max_size=6))
def test_names_that_already_differ_stay_as_they_are(names):
    sources = [Source(name, f"/{name}", 1, parents=("p",)) for name in names]
    assert storage._distinct(sources) == sources


def test_a_new_version_of_a_remote_file_is_fetched_to_another_place(tmp_path, monkeypatch):
    contents = iter([b"a", b"b", b"ab"])

    class Store:
        def open(self, place, mode, block_size):
            return io.BytesIO(next(contents))

    monkeypatch.setattr(store, "_filesystem", lambda url: (Store(), "box"))
    source = Source("a", "az://box/a", 1, "etag-1")
    versions = [source, replace(source, stamp="etag-2"), replace(source, size=2)]
    assert len({storage.fetch(one, tmp_path, 9) for one in versions}) == 3
    assert not [path for path in (tmp_path / "sources").iterdir() if path.name[0] == "."]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (["*.md"], ["old/b.pdf"]),
        (["b.pdf"], ["a.md", "old/c.md"]),
        (["old/*"], ["a.md"]),
        (["old"], ["a.md", "old/b.pdf", "old/c.md"]),
        (["*"], []),
    ],
)
def test_an_exclusion_matches_a_whole_name_or_its_last_part(tmp_path, exclude, left):
    for name in ("a.md", "old/b.pdf", "old/c.md"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text("x")
    found = list_sources(["docs"], tmp_path, exclude=exclude)
    assert [source.name for source in found] == left
