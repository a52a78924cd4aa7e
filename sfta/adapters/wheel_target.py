"""Devices that wheels are packed for: kind of machine, Python versions, C library.

Tags and their order: https://packaging.python.org/specifications/platform-compatibility-tags/.
"""

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.markers import default_environment
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

_OLDEST = {"x86_64": 5, "aarch64": 17}
"""The first minor version of glibc 2 that wheels of a machine are tagged for."""
_OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of device."""

    machine: str
    """As ``uname -m`` says it."""
    pythons: tuple[str, ...]
    """Versions, as in 3.11."""
    glibc: str
    """The newest C library that a wheel may ask for; empty where there is none."""

    @classmethod
    def of(cls, machine: str | None, pythons: Sequence[str], glibc: str | None) -> "Target":
        """What a recipe leaves open is as on the machine that builds."""
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        name, version = platform.libc_ver()
        return cls(
            machine or platform.machine(),
            tuple(sorted(set(pythons), key=_numbers)) or (own,),
            glibc or (version if name == "glibc" else ""),
        )

    @property
    def is_foreign(self) -> bool:
        """Whether the machine that builds is of another kind."""
        return self.machine != platform.machine()

    def __str__(self) -> str:
        return f"{self.machine} with Python {' and '.join(self.pythons)}, glibc {self.glibc}"

    def platforms(self) -> list[str]:
        """Platform tags whose wheels run there, the newest C library first."""
        if not self.glibc:
            return [f"linux_{self.machine}"]
        newest, oldest = _numbers(self.glibc)[1], _OLDEST.get(self.machine, 17)
        found = []
        for minor in range(newest, oldest - 1, -1):
            found.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in _OLD_NAMES:
                found.append(f"{_OLD_NAMES[minor]}_{self.machine}")
        return found

    def tags(self, python: str) -> Iterator[Tag]:
        """What pip of that Python takes there."""
        version, platforms = _numbers(python), self.platforms()
        yield from cpython_tags(version, platforms=platforms)
        yield from compatible_tags(version, f"cp{version[0]}{version[1]}", platforms)

    def markers(self, python: str) -> dict[str, str]:
        """Values of environment markers there (PEP 508)."""
        return own_markers() | {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "implementation_version": f"{python}.0",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "sys_platform": "linux",
            "os_name": "posix",
        }

    def download_options(self, python: str) -> list[str]:
        """What pip is told, so that it brings wheels for there and not for here."""
        platforms = [part for tag in self.platforms() for part in ("--platform", tag)]
        return ["--python-version", python, "--implementation", "cp", *platforms]


def own_markers() -> dict[str, str]:
    """Values of environment markers on this machine."""
    return {name: str(value) for name, value in default_environment().items()}


def pin_of(name: str) -> str:
    """``name==version`` as the file name of a wheel says it; empty if it is none."""
    try:
        distribution, version, _, _ = parse_wheel_filename(name)
    except InvalidWheelFilename:
        return ""
    return f"{canonicalize_name(distribution)}=={version}"


def fits(name: str, tags: frozenset[Tag]) -> bool:
    """Whether the tags in the file name of a wheel are among these."""
    try:
        return not tags.isdisjoint(parse_wheel_filename(name)[3])
    except InvalidWheelFilename:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
