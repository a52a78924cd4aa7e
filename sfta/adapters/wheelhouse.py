"""The wheels that go into a bundle: the device's package and everything it needs.

The versions are those installed here, because they are the ones the report measured. Wheels
come from the package index that pip is configured for, once; later runs and runs without a
network take them from the cache. Where the recipe names a folder, they come from there alone.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from sfta.adapters import wheel_folder
from sfta.adapters.wheel_file import (
    Wheel,
    edge_licence,
    edge_sources,
    normalised,
    pack_edge,
    refused_licences,
)
from sfta.adapters.wheel_index import Download, fetch, run_pip
from sfta.adapters.wheel_target import Target, fits, own_markers
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError, ToolError
from sfta_edge.manifest import canonical_json, sha256_file, sync_folder, write_durably
from sfta_export import toolchain

RUNTIME = "llama-cpp-python"
REQUIREMENTS = "requirements.txt"
_EDGE = "sfta-edge"
PERMIT = (
    "A bundle holds only parts that may be passed on freely; bundle.licence_exceptions lets one"
    " pass by its name."
)
_LONGEST_NAME = 100  # of a file in a ustar archive


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """A finished folder of wheels."""

    folder: Path
    wheels: tuple[Wheel, ...]
    """Sorted by file name."""

    @property
    def glibc(self) -> str:
        """The oldest C library that every wheel loads on, as in ``2.34``; empty if any does."""
        found = [_glibc_of(wheel.path.name) for wheel in self.wheels]
        return "{}.{}".format(*max(found)) if any(found) else ""


@dataclass(frozen=True, slots=True)
class Order:
    """Which wheels a bundle is to have."""

    target: Target
    folder: Path | None = None
    """Where they are taken from; None is the package index."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Names of parts that may have a licence which is refused otherwise, with the reason."""

    def pins(self) -> dict[str, list[str]]:
        """``name==version`` of all that a device needs, by its Python.

        Raises:
            MissingDependencyError: something of it is not installed here.
        """
        return {each: pins(self.target.markers(each)) for each in self.target.pythons}


def identity(order: Order, cache: Path) -> dict[str, Any]:
    """What decides the wheels' bytes: code, licence, versions, runtime, Python, machine.

    Raises:
        MissingDependencyError: a package or the runtime's wheel is missing.
        ConfigError: the folder that the recipe names has not all wheels.
    """
    code = [[name, sha256_file(path)[0]] for name, path in sorted(edge_sources().items())]
    licence = hashlib.sha256(edge_licence()).hexdigest()
    pinned = order.pins()
    return {
        "code": hashlib.sha256(canonical_json(code)).hexdigest(),
        "licence": licence,
        "pins": pinned,
        "given": {path.name: sha256_file(path)[0] for path in _given(order, pinned, cache)},
        "pythons": list(order.target.pythons),
        "machine": order.target.machine,
        "glibc": order.target.glibc,
        "longest_name": _LONGEST_NAME,
    }


def _given(order: Order, pinned: Mapping[str, Sequence[str]], cache: Path) -> list[Path]:
    """Wheels that no index is asked for: the runtime, or all but our own."""
    if order.folder is None:
        return [_runtime(order.target, cache)]
    foreign = {
        python: [p for p in listed if not _is_own(p)] for python, listed in pinned.items()
    }
    try:
        built = [toolchain.runtime_wheel(cache, order.target.machine)]
    except MissingDependencyError:
        built = []  # it may lie in the folder; if not, it is named with what else is missing
    return wheel_folder.choose(order.folder, order.target, foreign, built)


def _runtime(target: Target, cache: Path) -> Path:
    path = toolchain.runtime_wheel(cache, target.machine)
    if not all(fits(path.name, frozenset(target.tags(python))) for python in target.pythons):
        raise ConfigError(
            f"the runtime {path.name} does not run on {target}",
            hint="Build it on the oldest system of the devices, `python -m sfta_export.toolchain`,"
            " and name a folder with it in bundle.wheels.",
        )
    return path


def _is_own(pin: str) -> bool:
    return pin.startswith(f"{_EDGE}==")


def pins(markers: Mapping[str, str] | None = None) -> list[str]:
    """``name==version`` of all that the device's package needs, as installed here.

    `markers` are those of a device; None is this machine.

    Raises:
        MissingDependencyError: something of it is not installed.
        ConfigError: something of it does not run on the Python of the device.
    """
    pending, found = [Requirement(_EDGE)], dict[str, str]()
    while pending:
        requirement = pending.pop()
        name = normalised(requirement.name)
        if name in found or not _applies(requirement, markers):
            continue
        try:
            found[name] = version(name)
            _require_python(name, found[name], markers)
            needed = requires(name) or []
        except PackageNotFoundError:
            raise MissingDependencyError(
                f"{name} is not installed, so its version cannot be pinned",
                hint="Run `make setup`.",
            ) from None
        pending += [Requirement(text) for text in needed]
    return [f"{name}=={found[name]}" for name in sorted(found)]


def _require_python(name: str, number: str, markers: Mapping[str, str] | None) -> None:
    asked = distribution(name).metadata.json.get("requires_python")
    if markers is None or not asked:
        return
    if not SpecifierSet(str(asked)).contains(markers["python_full_version"]):
        raise ConfigError(
            f"{name}=={number} needs Python {asked}, not {markers['python_version']}",
            hint="Name other versions in bundle.pythons, or another bundle.target.system.",
        )


def gather(order: Order, cache: Path, *, download: Download | None = None) -> Wheelhouse:
    """The wheels of an order, from the cache, the folder it names, or the package index.

    Raises:
        ToolError: pip could not get them; the message is pip's.
        ConfigError: there is no wheel for such a device, or a wheel's licence does not allow it.
    """
    facts = identity(order, cache)
    key = hashlib.sha256(canonical_json(facts)).hexdigest()[:16]
    folder = cache / "wheels" / key
    if not folder.is_dir():
        _fill(folder, order, cache, download or run_pip)
    return opened(folder, order.exceptions)


def opened(folder: Path, exceptions: Mapping[str, str] = MappingProxyType({})) -> Wheelhouse:
    """Read a finished folder, comparing each wheel with its hash.

    Raises:
        IntegrityError: a wheel was changed or is missing.
        ConfigError: a wheel's licence does not allow it in a bundle.
    """
    wheels = [Wheel.read(path) for path in sorted(folder.glob("*.whl"))]
    listed = folder / REQUIREMENTS
    if not listed.is_file() or requirements(wheels) != listed.read_bytes():
        raise IntegrityError(
            f"the wheels in {folder} are not those that were put there",
            hint=f"Delete {folder} and run again.",
        )
    if problems := refused_licences(wheels, exceptions):
        raise ConfigError("\n".join(problems), hint=PERMIT)
    return Wheelhouse(folder, tuple(wheels))


def requirements(wheels: Iterable[Wheel]) -> bytes:
    """A requirements file that pins every wheel by version and hash."""
    hashes: dict[str, list[str]] = {}
    for wheel in wheels:
        hashes.setdefault(f"{wheel.name}=={wheel.version}", []).append(wheel.sha256)
    lines = [
        " ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(hashes[pin]))]) + "\n"
        for pin in sorted(hashes)
    ]
    return "".join(lines).encode()


def _fill(folder: Path, order: Order, cache: Path, download: Download) -> None:
    pinned = order.pins()
    everything = sorted({pin for listed in pinned.values() for pin in listed})
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as scratch:
        ready, found = Path(scratch, "ready"), Path(scratch, "found")
        ready.mkdir()
        given = _given(order, pinned, cache)
        own = [Path(shutil.copy(path, ready / archivable(path.name))) for path in given]
        own.append(pack_edge(ready))
        if order.folder is None:
            for python, listed in pinned.items():
                fetch(order.target, python, listed, given=own, into=found, run=download)
        for path in sorted(found.glob("*.whl")):
            if not (ready / archivable(path.name)).exists():
                path.rename(ready / archivable(path.name))
        wheels = [Wheel.read(path) for path in sorted(ready.glob("*.whl"))]
        _require_complete(wheels, everything)
        write_durably(ready / REQUIREMENTS, requirements(wheels))
        ready.rename(folder)
    sync_folder(folder.parent)


def archivable(name: str) -> str:
    """The name of a wheel as a bundle's archive can hold it: at most 100 characters.

    Of several platform tags the one with the oldest C library is kept. The wheel itself says all of
    them, and its hash stays.
    """
    if len(name) <= _LONGEST_NAME:
        return name
    *parts, platforms = name.removesuffix(".whl").split("-")
    oldest = min(platforms.split("."), key=lambda tag: (_glibc_of(tag) or (99,), tag))
    return f"{'-'.join([*parts, oldest])}.whl"


def _require_complete(wheels: Iterable[Wheel], pinned: Iterable[str]) -> None:
    """What was measured and what ships are the same versions."""
    found = {f"{wheel.name}=={wheel.version}" for wheel in wheels}
    if missing := sorted(set(pinned) - found):
        raise ToolError(f"pip did not bring {', '.join(missing)}")
    if other := sorted(found - set(pinned)):
        raise ToolError(
            f"pip brought what is not installed here: {', '.join(other)}",
            hint="Install it too, so that what ships was measured.",
        )


def _glibc_of(wheel_name: str) -> tuple[int, ...]:
    """The oldest C library among the platforms in a wheel's name (PEP 600)."""
    stated = re.findall(r"manylinux_(\d+)_(\d+)_", wheel_name)
    return min(((int(major), int(minor)) for major, minor in stated), default=())


def _applies(requirement: Requirement, markers: Mapping[str, str] | None) -> bool:
    if requirement.marker is None:
        return True
    return requirement.marker.evaluate({**(markers or own_markers()), "extra": ""})
