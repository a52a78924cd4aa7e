"""Wheels: reading what they say of themselves, and packing the device's own package.

Format: PyPA binary distribution format 1.0, https://packaging.python.org/specifications/.
"""

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Self

from sfta.adapters.licence_policy import Licensed, refused
from sfta_edge.errors import IntegrityError, MissingDependencyError
from sfta_edge.manifest import sha256_file
from sfta_export.wheel import record, write_zip

LICENCE_FILE = re.compile(r"(?i)^(licen[cs]e|copying|notice|authors|use[_-]policy)")
"""Names of files that state what may be done with what lies beside them."""
_EDGE = "sfta-edge"
_SHORT = 200  # a longer "License" field is the licence's text, not its name


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel and what its metadata says."""

    path: Path
    name: str
    """Normalised as in PEP 503."""
    version: str
    sha256: str
    licence: str
    """SPDX expression or the words of its maker; empty if nothing is stated."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a wheel file.

        Raises:
            IntegrityError: it is no wheel.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                metadata = _metadata(archive)
        except (zipfile.BadZipFile, StopIteration, KeyError) as error:
            raise IntegrityError(f"{path.name} is not a wheel: {error}") from error
        return cls(
            path=path,
            name=normalised(metadata["Name"]),
            version=metadata["Version"],
            sha256=sha256_file(path)[0],
            licence=_licence(metadata),
        )

    def licence_files(self) -> dict[str, bytes]:
        """Texts of licences and notices, by their path below the wheel's metadata folder."""
        with zipfile.ZipFile(self.path) as archive:
            names = {name: licence_name(name) for name in sorted(archive.namelist())}
            return {short: archive.read(name) for name, short in names.items() if short}


def licence_name(member: str) -> str:
    """What a wheel's member is called among its licence texts; empty if it is none of them."""
    folder, *inner = PurePosixPath(member).parts
    if not folder.endswith(".dist-info") or not inner or member.endswith("/"):
        return ""
    if inner[0] in ("licenses", "license_files"):
        return PurePosixPath(*inner[1:]).as_posix() if inner[1:] else ""
    return inner[0] if len(inner) == 1 and LICENCE_FILE.match(inner[0]) else ""


def refused_licences(
    wheels: Sequence[Wheel], exceptions: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """One sentence for each wheel that must not go to a device with the bundle."""
    parts = [Licensed(wheel.name, wheel.path.name, wheel.licence) for wheel in wheels]
    names = {wheel.name for wheel in wheels}
    return refused(parts, {name: why for name, why in exceptions.items() if name in names})


def installed_licence(name: str) -> str:
    """What the installed distribution of this name states, as a wheel of it would.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise MissingDependencyError(f"{name} is not installed", hint="`make setup`") from None
    text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    return _licence(Parser().parsestr(text))


def pack_edge(folder: Path) -> Path:
    """Pack the installed `sfta_edge` as a wheel: the code that measured is the code that ships.

    Works for a normal and for an editable installation; the same files give the same bytes.

    Raises:
        MissingDependencyError: sfta-edge is not installed.
    """
    installed = _installed()
    # A checkout that was built in place has its metadata under the older name.
    metadata = installed.read_text("METADATA") or installed.read_text("PKG-INFO")
    entry_points = installed.read_text("entry_points.txt")
    if not metadata or not entry_points:
        raise MissingDependencyError(
            "the installation of sfta-edge is incomplete",
            hint="Install it again: `make setup`.",
        )
    stem = f"sfta_edge-{installed.version}"
    info = f"{stem}.dist-info"
    members = {name: path.read_bytes() for name, path in edge_sources().items()}
    members[f"{info}/METADATA"] = metadata.encode()
    members[f"{info}/entry_points.txt"] = entry_points.encode()
    members[f"{info}/licenses/LICENSE"] = edge_licence()
    members[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: sfta\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    members[f"{info}/RECORD"] = record(members, f"{info}/RECORD")
    target = folder / f"{stem}-py3-none-any.whl"
    write_zip(target, members)
    return target


def edge_licence() -> bytes:
    """The licence text of the installed `sfta_edge`.

    Raises:
        MissingDependencyError: there is none; a device gets no code without its licence.
    """
    if text := _installed().read_text("licenses/LICENSE"):
        return text.encode()
    # A checkout that was built in place keeps it beside its project file.
    project = _edge_folder().parent
    if (project / "pyproject.toml").is_file() and (project / "LICENSE").is_file():
        return (project / "LICENSE").read_bytes()
    raise MissingDependencyError(
        "the installation of sfta-edge has no licence text",
        hint="Install it again: `make setup`.",
    )


def edge_sources() -> dict[str, Path]:
    """Every file of the installed `sfta_edge`, by its path in the wheel."""
    root = _edge_folder()
    return {
        f"sfta_edge/{path.relative_to(root).as_posix()}": path
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> Distribution:
    try:
        return distribution(_EDGE)
    except PackageNotFoundError:
        raise MissingDependencyError(
            "sfta-edge is not installed", hint="Install it: pip install ./edge (`make setup`)."
        ) from None


def _edge_folder() -> Path:
    spec = find_spec("sfta_edge")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError("sfta-edge is not installed", hint="Run `make setup`.")
    return Path(next(iter(spec.submodule_search_locations)))


def _metadata(archive: zipfile.ZipFile) -> Message:
    name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    return Parser().parsestr(archive.read(name).decode("utf-8"))


def _licence(metadata: Message) -> str:
    if stated := metadata["License-Expression"]:
        return str(stated)
    classifiers = metadata.get_all("Classifier") or []
    names = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
    words = " ".join(str(metadata["License"] or "").split())
    if words and words.upper() != "UNKNOWN" and len(words) <= _SHORT:
        return words
    return ", ".join(name for name in names if name != "OSI Approved")
