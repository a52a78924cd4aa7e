"""The installed package is packed whole, with its licence, or not at all."""

import subprocess
import sys
import zipfile

import pytest

from sfta.adapters import wheel_file, wheelhouse
from sfta.adapters.wheel_file import Wheel, pack_edge
from sfta_edge.errors import MissingDependencyError
from wheels_made import order

LICENCE = "sfta_edge-9.9.dist-info/licenses/LICENSE"


def test_the_package_is_packed_from_its_installed_files(installed_wheels, tmp_path):
    wheel = pack_edge(tmp_path)
    assert wheel.name == "sfta_edge-9.9-py3-none-any.whl"
    again = tmp_path / "again"
    again.mkdir()
    assert pack_edge(again).read_bytes() == wheel.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("bundle.py", "schema.sql", "install.sh", "cli/install.py"):
        assert f"sfta_edge/{name}" in names
    assert not [name for name in names if "__pycache__" in name]
    assert Wheel.read(wheel).licence == "Apache-2.0"


def test_metadata_under_the_older_name_is_read_too(installed_wheels, tmp_path):
    info = installed_wheels / "site/sfta_edge-9.9.dist-info"
    expected = pack_edge(tmp_path).read_bytes()
    (info / "METADATA").rename(info / "PKG-INFO")
    assert pack_edge(tmp_path).read_bytes() == expected


def test_the_package_is_packed_with_its_licence(installed_wheels, tmp_path):
    wheel = Wheel.read(pack_edge(tmp_path))
    assert wheel.licence_files() == {"LICENSE": b"Apache License"}


def test_a_checkout_keeps_the_licence_beside_its_project_file(installed_wheels, tmp_path):
    (installed_wheels / "site" / LICENCE).unlink()
    wheel = Wheel.read(pack_edge(tmp_path))
    assert wheel.licence_files()["LICENSE"].lstrip().startswith(b"Apache License")


@pytest.mark.parametrize("beside", ["LICENSE", "pyproject.toml"])
def test_no_device_gets_code_without_its_licence(
    installed_wheels, tmp_path, monkeypatch, beside
):
    """A licence beside the package alone may be that of anything."""
    (installed_wheels / "site" / LICENCE).unlink()
    (tmp_path / "place/sfta_edge").mkdir(parents=True)
    (tmp_path / "place" / beside).write_text("x")
    monkeypatch.setattr(wheel_file, "_edge_folder", lambda: tmp_path / "place/sfta_edge")
    with pytest.raises(MissingDependencyError, match="no licence text"):
        pack_edge(tmp_path)
    with pytest.raises(MissingDependencyError, match="no licence text"):
        wheelhouse.identity(order("3.11"), tmp_path)


def test_another_licence_text_is_another_house(installed_wheels, runtime_package, tmp_path):
    first = wheelhouse.identity(order("3.11"), tmp_path)
    (installed_wheels / "site" / LICENCE).write_text("another")
    assert wheelhouse.identity(order("3.11"), tmp_path) != first


@pytest.mark.parametrize("name", ["METADATA", "entry_points.txt"])
def test_half_an_installation_is_not_packed(installed_wheels, tmp_path, name):
    (installed_wheels / "site/sfta_edge-9.9.dist-info" / name).write_text("")
    with pytest.raises(MissingDependencyError, match="incomplete"):
        pack_edge(tmp_path)


def test_pip_installs_the_packed_package(installed_wheels, tmp_path):
    wheel = pack_edge(tmp_path)
    target = tmp_path / "target"
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--no-index",
        "--no-deps",
        "--quiet",
    ]
    done = subprocess.run(
        [*command, "--target", target, wheel], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    code = "import sfta_edge.manifest; print(sfta_edge.__file__)"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(target)},
    )
    assert ran.stdout.strip() == str(target / "sfta_edge/__init__.py")
    assert (target / "bin/sfta-edge").exists()


def test_without_the_package_there_is_nothing_to_pack(tmp_path, monkeypatch):
    def absent(name):
        raise wheel_file.PackageNotFoundError(name)

    monkeypatch.setattr(wheel_file, "distribution", absent)
    with pytest.raises(MissingDependencyError, match="sfta-edge is not installed"):
        pack_edge(tmp_path)
