"""The wheels that go into a bundle: the device's package and everything it needs.

The versions are those installed here, because they are the ones the report measured. Wheels
come from the package index that pip is configured for, once; later runs and runs without a
network take them from the cache.
"""

import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from sfta.adapters.wheel_file import (
    Wheel,
    edge_licence,
    edge_sources,
    normalised,
    pack_edge,
    refused_licences,
)
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError, ToolError
from sfta_edge.manifest import canonical_json, sha256_file, sync_folder, write_durably
from sfta_export import toolchain

RUNTIME = "llama-cpp-python"
REQUIREMENTS = "requirements.txt"
_EDGE = "sfta-edge"
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


Download = Callable[[Sequence[str]], None]
"""Runs pip with these arguments."""


def pythons_of(configured: Sequence[str]) -> list[str]:
    """The Python versions that wheels are packed for."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sorted(set(configured)) or [own]


def identity(pythons: Sequence[str], cache: Path) -> dict[str, Any]:
    """What decides the wheels' bytes: code, licence, versions, runtime, Python, machine.

    Raises:
        MissingDependencyError: a package or the runtime's wheel is missing.
    """
    code = [[name, sha256_file(path)[0]] for name, path in sorted(edge_sources().items())]
    return {
        "code": hashlib.sha256(canonical_json(code)).hexdigest(),
        "licence": hashlib.sha256(edge_licence()).hexdigest(),
        "pins": pins(),
        "runtime": sha256_file(toolchain.runtime_wheel(cache))[0],
        "pythons": list(pythons),
        "machine": platform.machine(),
        "libc": platform.libc_ver()[0],
        "longest_name": _LONGEST_NAME,
    }


def pins() -> list[str]:
    """``name==version`` of all that the device's package needs, as installed here.

    Raises:
        MissingDependencyError: something of it is not installed.
    """
    pending, found = [Requirement(_EDGE)], dict[str, str]()
    while pending:
        requirement = pending.pop()
        name = normalised(requirement.name)
        if name in found or not _applies(requirement):
            continue
        try:
            found[name] = version(name)
            needed = requires(name) or []
        except PackageNotFoundError:
            raise MissingDependencyError(
                f"{name} is not installed, so its version cannot be pinned",
                hint="Run `make setup`.",
            ) from None
        pending += [Requirement(text) for text in needed]
    return [f"{name}=={found[name]}" for name in sorted(found)]


def gather(
    pythons: Sequence[str], cache: Path, *, download: Download | None = None
) -> Wheelhouse:
    """The wheels for these Python versions, from the cache or from the package index.

    Raises:
        ToolError: pip could not get them; the message is pip's.
        ConfigError: a wheel's licence does not allow it in a bundle.
    """
    facts = identity(pythons, cache)
    key = hashlib.sha256(canonical_json(facts)).hexdigest()[:16]
    folder = cache / "wheels" / key
    if not folder.is_dir():
        _fill(folder, facts, toolchain.runtime_wheel(cache), download or run_pip)
    return opened(folder)


def opened(folder: Path) -> Wheelhouse:
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
    if problems := refused_licences(wheels):
        raise ConfigError(
            "\n".join(problems), hint="A bundle holds only parts that may be passed on freely."
        )
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


def run_pip(arguments: Sequence[str]) -> None:
    """Run pip of this Python.

    Raises:
        MissingDependencyError: there is no pip.
        ToolError: pip failed; its last lines are the message.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise MissingDependencyError("pip is not installed", hint="python -m ensurepip")
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR")][-3:]
    raise ToolError(
        "pip could not get the wheels: " + " ".join(dict.fromkeys([*said, *lines[-1:]])),
        hint="The first run needs a package index; later ones take the wheels from the cache.",
    )


def _fill(folder: Path, facts: dict[str, Any], runtime: Path, download: Download) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as scratch:
        ready, found = Path(scratch, "ready"), Path(scratch, "found")
        ready.mkdir()
        constraints = Path(scratch, "constraints.txt")
        constraints.write_text("\n".join([*facts["pins"], ""]), "utf-8")
        own = [pack_edge(ready), Path(shutil.copy(runtime, ready))]
        for python in facts["pythons"]:
            download(
                [
                    *("download", "--quiet", "--only-binary", ":all:", "--no-input"),
                    *("--python-version", python, "--constraint", str(constraints)),
                    *("--dest", str(found), *map(str, own)),
                ]
            )
        for path in sorted(found.glob("*.whl")):
            if not (ready / archivable(path.name)).exists():
                path.rename(ready / archivable(path.name))
        wheels = [Wheel.read(path) for path in sorted(ready.glob("*.whl"))]
        _require_complete(wheels, facts["pins"])
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


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
