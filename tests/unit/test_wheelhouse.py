"""The wheels of a bundle: the versions that were measured, hashed, and free to pass on."""

import shutil
import sys
from importlib.metadata import version

import pytest

from sfta.adapters import wheel_file, wheelhouse
from sfta.adapters.wheel_file import Wheel, refused_licences
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError, ToolError
from wheels_made import order, write_wheel

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


class FakeIndex:
    """Stands for pip: puts a wheel for every pin into the folder it is told."""

    def __init__(self, **licences):
        self.calls, self.licences, self.leave_out, self.extra = [], licences, (), ()

    def __call__(self, arguments):
        self.calls.append(arguments)
        dest = wheelhouse.Path(arguments[arguments.index("--dest") + 1])
        dest.mkdir(exist_ok=True)
        pins = [part for part in arguments if "==" in part]
        for pin in [*pins, *self.extra]:
            name, _, number = pin.partition("==")
            if name in self.leave_out:
                continue
            licence = self.licences.get(name, "License-Expression: MIT")
            if not list(dest.glob(f"{name.replace('-', '_')}-*")):
                write_wheel(dest, name, number, licence=licence)
        for path in arguments:
            if path.endswith(".whl"):
                shutil.copy(path, dest)


def test_the_closure_is_pinned_to_what_is_installed(installed_wheels):
    assert wheelhouse.pins() == [
        f"jinja2=={version('jinja2')}",
        f"markupsafe=={version('markupsafe')}",
        "sfta-edge==9.9",
    ]


def test_what_is_not_installed_cannot_be_pinned(installed_wheels):
    path = installed_wheels / "site/sfta_edge-9.9.dist-info/METADATA"
    path.write_text(path.read_text() + "Requires-Dist: not-installed-anywhere\n")
    with pytest.raises(MissingDependencyError, match="not-installed-anywhere is not installed"):
        wheelhouse.pins()


def test_wheels_are_gathered_once(installed_wheels, runtime_package, tmp_path):
    index = FakeIndex()
    house = wheelhouse.gather(order(OWN), tmp_path / "cache", download=index)
    assert [wheel.name for wheel in house.wheels] == ["jinja2", "markupsafe", "sfta-edge"]
    assert wheelhouse.gather(order(OWN), tmp_path / "cache", download=index) == house
    assert len(index.calls) == 1
    text = (house.folder / "requirements.txt").read_text()
    for wheel in house.wheels:
        assert f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" in text


def test_our_own_wheels_are_the_ones_that_were_handed_over(
    installed_wheels, runtime_package, tmp_path
):
    house = wheelhouse.gather(order(OWN), tmp_path / "cache", download=FakeIndex())
    assert {w.name: w for w in house.wheels}["markupsafe"].sha256 == Wheel.read(
        runtime_package
    ).sha256


def test_every_python_is_asked_for(installed_wheels, runtime_package, tmp_path):
    index = FakeIndex()
    wheelhouse.gather(order("3.11", "3.12"), tmp_path / "cache", download=index)
    asked = [call[call.index("--python-version") + 1] for call in index.calls]
    assert asked == ["3.11", "3.12"]


def test_only_binary_wheels_at_pinned_versions_are_asked_for(
    installed_wheels, runtime_package, tmp_path
):
    index = FakeIndex()
    wheelhouse.gather(order(OWN), tmp_path / "cache", download=index)
    (call,) = index.calls
    assert call[call.index("--only-binary") + 1] == ":all:"
    assert "--no-deps" in call
    assert call[-1] == f"jinja2=={version('jinja2')}"
    assert not [part for part in call if "://" in part]


def test_a_failed_download_leaves_nothing_behind(installed_wheels, runtime_package, tmp_path):
    def fails(_):
        raise ToolError("no network")

    with pytest.raises(ToolError, match="no network"):
        wheelhouse.gather(order(OWN), tmp_path / "cache", download=fails)
    assert list((tmp_path / "cache/wheels").iterdir()) == []


def test_a_wheel_that_pip_did_not_bring_is_named(installed_wheels, runtime_package, tmp_path):
    index = FakeIndex()
    index.leave_out = ("jinja2",)
    with pytest.raises(ToolError, match="pip did not bring jinja2=="):
        wheelhouse.gather(order(OWN), tmp_path / "cache", download=index)


def test_a_wheel_that_was_never_measured_is_refused(
    installed_wheels, runtime_package, tmp_path
):
    index = FakeIndex()
    index.extra = ("surprise==1.0",)
    with pytest.raises(ToolError, match=r"not installed here: surprise==1\.0"):
        wheelhouse.gather(order(OWN), tmp_path / "cache", download=index)


def test_a_changed_wheel_in_the_cache_is_noticed(installed_wheels, runtime_package, tmp_path):
    house = wheelhouse.gather(order(OWN), tmp_path / "cache", download=FakeIndex())
    write_wheel(house.folder, "jinja2", version("jinja2"), licence="License-Expression: BSD")
    with pytest.raises(IntegrityError, match="are not those that were put there"):
        wheelhouse.gather(order(OWN), tmp_path / "cache", download=FakeIndex())


def test_a_copyleft_wheel_stops_the_bundle(installed_wheels, runtime_package, tmp_path):
    index = FakeIndex(jinja2="License-Expression: AGPL-3.0-or-later")
    with pytest.raises(ConfigError, match=r"is under AGPL-3\.0-or-later"):
        wheelhouse.gather(order(OWN), tmp_path / "cache", download=index)


def test_the_identity_follows_code_versions_and_python(
    installed_wheels, runtime_package, tmp_path, monkeypatch
):
    first = wheelhouse.identity(order("3.11"), tmp_path)
    assert wheelhouse.identity(order("3.11"), tmp_path) == first
    assert wheelhouse.identity(order("3.12"), tmp_path) != first
    (tmp_path / "more.py").write_text("x = 1\n")
    monkeypatch.setattr(
        wheelhouse, "edge_sources", lambda: {"sfta_edge/more.py": tmp_path / "more.py"}
    )
    assert wheelhouse.identity(order("3.11"), tmp_path) != first


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("License-Expression: MIT", True),
        ("License-Expression: BSD-3-Clause AND MIT", True),
        ("License-Expression: LGPL-2.1-or-later", True),
        ("License-Expression: MIT OR GPL-2.0-only", True),
        ("License-Expression: GPL-3.0-only WITH GCC-exception-3.1", True),
        ("License-Expression: MIT AND GPL-3.0-only WITH GCC-exception-3.1", True),
        ("License-Expression: AGPL-3.0-only", False),
        ("License-Expression: MIT AND AGPL-3.0-only", False),
        ("License-Expression: GPL-3.0-only", False),
        ("License-Expression: SSPL-1.0", False),
        ("License: GNU AFFERO GPL 3.0", False),
        ("License: Apache 2.0", True),
        ("License: any-OSI", True),
        ("License: Dual Licensed - GNU AFFERO GPL 3.0 or Artifex Commercial License", False),
        ("Classifier: License :: OSI Approved :: BSD License", True),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", False),
        ("Classifier: License :: OSI Approved :: GNU General Public License v2 (GPLv2)", False),
        ("License: UNKNOWN", False),
        ("Summary: nothing about it", False),
    ],
)
def test_the_licence_decides(tmp_path, licence, permitted):
    wheel = Wheel.read(write_wheel(tmp_path, "part", "1.0", licence=licence))
    problems = refused_licences([wheel])
    assert (problems == []) is permitted
    if not permitted:
        assert problems[0].startswith("part-1.0-py3-none-any.whl ")


def test_the_factory_s_own_parser_may_not_ship(tmp_path):
    """PyMuPDF is under the AGPL: the check has to see it in the words it is published with."""
    metadata = wheel_file.distribution("pymupdf").metadata
    fields = ("License-Expression", "License")
    licence = "\n".join(f"{name}: {metadata[name]}" for name in fields if metadata[name])
    wheel = Wheel.read(write_wheel(tmp_path, "pymupdf", "1.0", licence=licence))
    assert refused_licences([wheel])


def test_licence_texts_are_found_wherever_wheels_keep_them(tmp_path):
    files = {
        "part-1.0.dist-info/licenses/LICENSE.txt": "one",
        "part-1.0.dist-info/licenses/vendored/COPYING": "two",
        "part-1.0.dist-info/NOTICE": "three",
        "part-1.0.dist-info/RECORD": "no",
        "part/LICENSE": "no",
    }
    wheel = Wheel.read(write_wheel(tmp_path, "part", "1.0", files=files))
    assert wheel.licence_files() == {
        "LICENSE.txt": b"one",
        "vendored/COPYING": b"two",
        "NOTICE": b"three",
    }


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_wheel_says_so(tmp_path, content):
    path = tmp_path / "x-1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="is not a wheel"):
        Wheel.read(path)


def test_pip_s_own_words_are_the_error(tmp_path):
    with pytest.raises(ToolError, match="No matching distribution found") as caught:
        wheelhouse.run_pip(
            ["download", "--no-index", "--dest", str(tmp_path), "no-such-package"]
        )
    assert "package index" in caught.value.hint


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a-1-py3-none-any.whl"], ""),
        (["a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"], "2.17"),
        (["a-1-cp311-cp311-manylinux_2_28_x86_64.manylinux_2_17_x86_64.whl"], "2.17"),
        (["a-1-py3-none-any.whl", "b-1-py3-none-manylinux_2_34_x86_64.whl"], "2.34"),
        (["a-1-x-manylinux_2_5_x86_64.whl", "b-1-x-manylinux_2_28_x86_64.whl"], "2.28"),
    ],
)
def test_the_oldest_c_library_is_read_from_the_names(tmp_path, names, expected):
    wheels = tuple(Wheel(tmp_path / name, "a", "1", "", "MIT") for name in names)
    assert wheelhouse.Wheelhouse(tmp_path, wheels).glibc == expected


LONG = "charset_normalizer-3.5.2-cp311-cp311"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("click-8.2-py3-none-any.whl", "click-8.2-py3-none-any.whl"),
        (
            f"{LONG}-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
            f"{LONG}-manylinux_2_17_x86_64.whl",
        ),
        (
            f"{LONG}-manylinux_2_28_x86_64.manylinux_2_5_x86_64.manylinux_2_17_x86_64.whl",
            f"{LONG}-manylinux_2_5_x86_64.whl",
        ),
    ],
)
def test_a_name_that_no_archive_holds_keeps_the_oldest_platform(name, kept):
    assert wheelhouse.archivable(name) == kept
    assert len(kept) <= 100
