"""Wheels for other devices: the tags decide, what is missing is named, and no name is believed."""

import platform
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.adapters import wheel_folder, wheelhouse
from sfta.adapters.wheel_target import Target, fits, pin_of
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError
from wheels_made import order

PI = Target("aarch64", ("3.11",), "2.36")
PINS = {"3.11": ["numpy==2.0", "flask==3.1", "speed==1.0"]}
SIX = "manylinux_2_27_aarch64.manylinux_2_28_aarch64"


def put(folder, stem, tags, *, name=None, version=None, inside=None):
    """A wheel that says of itself what its file name says, unless told otherwise."""
    folder.mkdir(exist_ok=True)
    own_name, own_version = stem.split("-")
    info = f"{stem}.dist-info"
    path = folder / f"{stem}-{tags}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        metadata = f"Name: {name or own_name}\nVersion: {version or own_version}\n"
        metadata = f"Metadata-Version: 2.4\n{metadata}License-Expression: MIT\n\n"
        archive.writestr(zipfile.ZipInfo(f"{info}/METADATA"), metadata)
        lines = "".join(f"Tag: {tag}\n" for tag in (inside or tags,))
        archive.writestr(zipfile.ZipInfo(f"{info}/WHEEL"), f"Wheel-Version: 1.0\n{lines}")
    return path


@pytest.fixture
def handed(tmp_path):
    """A folder that somebody filled on a device of the kind."""
    folder = tmp_path / "handed"
    put(folder, "numpy-2.0", f"cp311-cp311-{SIX}")
    put(folder, "flask-3.1", "py3-none-any")
    put(folder, "speed-1.0", "cp39-abi3-manylinux2014_aarch64")
    return folder


def names(paths):
    return [path.name for path in paths]


def test_what_a_recipe_leaves_open_is_as_on_this_machine():
    target = Target.of(None, [], None)
    assert target.machine == platform.machine()
    assert target.pythons == (f"{sys.version_info.major}.{sys.version_info.minor}",)
    assert not target.is_foreign


def test_versions_are_in_their_order_and_each_once():
    assert Target.of("aarch64", ["3.13", "3.9", "3.13"], "2.36").pythons == ("3.9", "3.13")


@pytest.mark.parametrize(
    ("name", "suits"),
    [
        ("numpy-2.0-cp311-cp311-manylinux_2_28_aarch64.whl", True),
        ("numpy-2.0-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("numpy-2.0-cp311-cp311-manylinux_2_39_aarch64.whl", False),
        ("numpy-2.0-cp312-cp312-manylinux_2_28_aarch64.whl", False),
        ("numpy-2.0-cp39-abi3-manylinux_2_17_aarch64.whl", True),
        ("numpy-2.0-cp313-abi3-manylinux_2_17_aarch64.whl", False),
        ("numpy-2.0-cp311-cp311-musllinux_1_2_aarch64.whl", False),
        ("numpy-2.0-cp311-cp311-macosx_11_0_arm64.whl", False),
        ("numpy-2.0-py3-none-any.whl", True),
        ("numpy-2.0-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl", True),
        ("numpy-2.0-py3-none-linux_armv7l.whl", False),
        ("numpy-2.0.tar.gz", False),
        ("numpy.whl", False),
    ],
)
def test_the_tags_of_a_wheel_decide_whether_it_fits(name, suits):
    assert fits(name, frozenset(PI.tags("3.11"))) is suits


def test_tags_of_this_machine_are_those_that_pip_takes_here():
    from packaging.tags import sys_tags

    here = Target.of(None, [], None)
    ours = {str(tag) for tag in here.tags(here.pythons[0])}
    theirs = {str(tag) for tag in sys_tags() if "linux_" not in str(tag) or "many" in str(tag)}
    assert theirs <= ours | {tag for tag in theirs if "musllinux" in tag}


def test_an_older_c_library_takes_no_wheel_that_a_newer_one_does_not():
    old, new = (set(Target("x86_64", ("3.11",), v).tags("3.11")) for v in ("2.28", "2.36"))
    assert old < new


@given(st.text(max_size=40))
def test_any_file_name_is_a_pin_or_none(name):
    assert pin_of(name) == "" or "==" in pin_of(name)


def test_markers_are_those_of_the_device_and_not_of_the_factory(installed_wheels):
    path = installed_wheels / "site/sfta_edge-9.9.dist-info/METADATA"
    lines = (
        'Requires-Dist: packaging; platform_machine == "aarch64"\n'
        'Requires-Dist: pluggy; python_version >= "3.99"\n'
    )
    path.write_text(path.read_text() + lines)
    found = {
        machine: {
            pin.partition("==")[0] for pin in order(python, machine=machine).pins()[python]
        }
        for machine, python in (("aarch64", "3.11"), ("x86_64", "3.99"))
    }
    assert "packaging" in found["aarch64"]
    assert "pluggy" not in found["aarch64"]
    assert "packaging" not in found["x86_64"]
    assert "pluggy" in found["x86_64"]


def test_a_python_that_a_package_does_not_run_on_is_said_before_the_index_is_asked():
    with pytest.raises(ConfigError, match=r"^sfta-edge==.* needs Python >=3\.11, not 3\.10$"):
        order("3.10", machine="aarch64").pins()
    with pytest.raises(ConfigError, match="needs Python"):
        order("3.11", "3.9").pins()


def test_a_folder_gives_the_wheels_that_fit_and_says_what_it_does_not_need(handed, caplog):
    put(handed, "numpy-2.0", "cp311-cp311-manylinux_2_28_x86_64")
    put(handed, "other-1", "py3-none-any")
    with caplog.at_level("INFO"):
        found = wheel_folder.choose(handed, PI, PINS)
    assert names(found) == [
        "flask-3.1-py3-none-any.whl",
        f"numpy-2.0-cp311-cp311-{SIX}.whl",
        "speed-1.0-cp39-abi3-manylinux2014_aarch64.whl",
    ]
    assert "other-1-py3-none-any.whl" in caplog.text


def test_of_two_that_fit_the_newer_c_library_is_taken(handed):
    put(handed, "numpy-2.0", "cp311-cp311-manylinux_2_34_aarch64")
    found = names(wheel_folder.choose(handed, PI, PINS))
    assert "numpy-2.0-cp311-cp311-manylinux_2_34_aarch64.whl" in found
    assert f"numpy-2.0-cp311-cp311-{SIX}.whl" not in found


def test_two_pythons_each_get_their_own(handed):
    put(handed, "numpy-2.0", f"cp312-cp312-{SIX}")
    both = Target("aarch64", ("3.11", "3.12"), "2.36")
    found = names(
        wheel_folder.choose(handed, both, {"3.11": PINS["3.11"], "3.12": PINS["3.11"]})
    )
    assert len([name for name in found if name.startswith("numpy")]) == 2
    assert len(found) == 4


def test_every_missing_wheel_is_named_with_the_way_to_get_it(handed):
    pins = {"3.11": [*PINS["3.11"], "apsw==3.5", "llama-cpp-python==0.3.36"]}
    (handed / "flask-3.1-py3-none-any.whl").unlink()
    put(handed, "apsw-3.5", "cp311-cp311-manylinux_2_28_x86_64")
    with pytest.raises(ConfigError) as caught:
        wheel_folder.choose(handed, PI, pins)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(
        "has no wheels for aarch64 with Python 3.11, glibc 2.36 of: flask==3.1, "
        "apsw==3.5 (only apsw-3.5-cp311-cp311-manylinux_2_28_x86_64.whl), "
        "llama-cpp-python==0.3.36"
    )
    hint = caught.value.hint
    assert "python -m pip wheel --no-deps --wheel-dir FOLDER flask==3.1 apsw==3.5`" in hint
    if platform.machine() != "aarch64":
        assert "python -m sfta_export.toolchain --machine aarch64`" in hint


def test_a_wheel_from_elsewhere_fills_a_gap_if_it_fits(handed, tmp_path):
    (handed / "speed-1.0-cp39-abi3-manylinux2014_aarch64.whl").unlink()
    wrong = put(tmp_path / "built", "speed-1.0", "py3-none-manylinux_2_34_x86_64")
    right = put(tmp_path / "built", "speed-1.0", "py3-none-manylinux_2_34_aarch64")
    assert right in wheel_folder.choose(handed, PI, PINS, [right])
    with pytest.raises(ConfigError, match=r"of: speed==1\.0$"):
        wheel_folder.choose(handed, PI, PINS, [wrong])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "torch"}, r"is a wheel of torch==2\.0"),
        ({"version": "1.9"}, r"is a wheel of numpy==1\.9"),
        ({"inside": "cp311-cp311-manylinux_2_28_x86_64"}, "was built for cp311-.*x86_64"),
        ({"inside": "cp312-cp312-manylinux_2_28_aarch64"}, "was built for cp312"),
    ],
)
def test_a_renamed_wheel_is_noticed(handed, changes, reason):
    put(handed, "numpy-2.0", f"cp311-cp311-{SIX}", **changes)
    with pytest.raises(IntegrityError, match=reason):
        wheel_folder.choose(handed, PI, PINS)


def test_a_file_that_is_no_wheel_is_refused(handed):
    next(handed.glob("numpy*")).write_bytes(b"no zip")
    with pytest.raises(IntegrityError, match="is not a wheel"):
        wheel_folder.choose(handed, PI, PINS)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"bundle\.wheels: there is no folder"):
        wheel_folder.choose(tmp_path / "none", PI, PINS)


def test_a_house_from_a_folder_asks_no_index(
    handed, installed_wheels, runtime_package, tmp_path
):
    for pin in order("3.11").pins()["3.11"]:
        name, _, version = pin.partition("==")
        if name != "sfta-edge":
            put(handed, f"{name}-{version}", "cp311-cp311-manylinux_2_28_aarch64")
    asked = order("3.11", machine="aarch64", glibc="2.36", folder=handed)
    calls = []
    house = wheelhouse.gather(asked, tmp_path / "cache", download=calls.append)
    assert calls == []
    assert [wheel.name for wheel in house.wheels] == ["jinja2", "markupsafe", "sfta-edge"]
    assert house.glibc == "2.28"
    listed = (house.folder / "requirements.txt").read_text()
    assert all(f"--hash=sha256:{wheel.sha256}" in listed for wheel in house.wheels)
    next(handed.glob("jinja2*")).unlink()
    with pytest.raises(ConfigError, match="jinja2=="):
        wheelhouse.identity(asked, tmp_path / "cache")


def test_a_runtime_that_was_not_built_is_named_with_the_rest(
    handed, installed_wheels, tmp_path, monkeypatch
):
    def none(cache, machine):
        raise MissingDependencyError("no tools")

    monkeypatch.setattr(wheelhouse.toolchain, "runtime_wheel", none)
    asked = order("3.11", machine="aarch64", glibc="2.36", folder=handed)
    with pytest.raises(ConfigError, match=r"of: jinja2==.*, markupsafe=="):
        wheelhouse.identity(asked, tmp_path)


def test_another_kind_of_device_is_another_house(installed_wheels, runtime_package, tmp_path):
    first = wheelhouse.identity(order("3.11", machine="aarch64"), tmp_path)
    assert wheelhouse.identity(order("3.11", machine="x86_64"), tmp_path) != first
    older = order("3.11", machine="aarch64", glibc="2.17")
    assert wheelhouse.identity(older, tmp_path) != first


def test_a_runtime_for_a_newer_c_library_is_refused_before_the_index_is_asked(
    installed_wheels, tmp_path, monkeypatch
):
    built = put(tmp_path / "built", "llama_cpp_python-1.0", "py3-none-manylinux_2_36_aarch64")
    monkeypatch.setattr(wheelhouse.toolchain, "runtime_wheel", lambda cache, machine: built)
    with pytest.raises(
        ConfigError, match=r"2_36_aarch64\.whl does not run on aarch64"
    ) as caught:
        wheelhouse.identity(order("3.11", machine="aarch64", glibc="2.28"), tmp_path)
    assert "on the oldest system" in caught.value.hint
