"""Wheels and an index of them, made for a test."""

import zipfile
from importlib.metadata import version

import pytest

from sfta.adapters import wheelhouse
from sfta.adapters.wheel_target import Target
from sfta.adapters.wheelhouse import Order


def order(*pythons, machine=None, glibc=None, **changes):
    """What a bundle asks for, by default for devices such as this machine."""
    return Order(Target.of(machine, pythons, glibc), **changes)


def write_wheel(folder, name, number, *, licence="License-Expression: MIT", files=()):
    stem = f"{name.replace('-', '_')}-{number}"
    target = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        metadata = (
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {number}\n{licence}\n\nText.\n"
        )
        for path, text in {f"{stem}.dist-info/METADATA": metadata, **dict(files)}.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return target


@pytest.fixture
def installed_wheels(tmp_path, monkeypatch):
    """sfta-edge as an installed distribution that needs one other package."""
    info = tmp_path / "site/sfta_edge-9.9.dist-info"
    (info / "licenses").mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: sfta-edge\nVersion: 9.9\nLicense-Expression: Apache-2.0\n"
        "Requires-Dist: jinja2>=3\n"
        'Requires-Dist: torch; extra == "gpu"\n'
        'Requires-Dist: nothing-for-us; python_version < "3"\n'
    )
    (info / "entry_points.txt").write_text("[console_scripts]\nsfta-edge = sfta_edge.x:main\n")
    (info / "licenses/LICENSE").write_text("Apache License")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path


@pytest.fixture
def runtime_package(tmp_path, monkeypatch):
    """The runtime's wheel, as `make tools` leaves it."""
    folder = tmp_path / "tools"
    folder.mkdir()
    wheel = write_wheel(folder, "markupsafe", version("markupsafe"))
    monkeypatch.setattr(wheelhouse.toolchain, "runtime_wheel", lambda cache, machine: wheel)
    return wheel
