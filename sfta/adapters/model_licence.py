"""Under which licence a model is, and the texts that go with it.

Looked at, in this order: files beside the model, what the model says of itself (the front
matter of its README, or the header of a GGUF file), and the licence files of the Python
package that holds it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from sfta.adapters import hub
from sfta.adapters.gguf_weights import read_facts
from sfta.adapters.wheel_file import LICENCE_FILE, licence_name
from sfta_edge.manifest import canonical_json

_LONGEST = 1 << 20  # bytes; a longer file is no licence
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ModelLicence:
    """What is known of a model's licence."""

    stated: str = ""
    """SPDX identifier or name, as the model itself or its package says; empty if neither does."""
    texts: Mapping[str, bytes] = field(default_factory=dict)
    """Licence and notice files by their names; empty if none was found."""
    package: str = ""
    """The Python package the texts are from; empty if they lay beside the model."""
    package_stated: str = ""
    """What that package says of itself: its maker need not be the model's."""

    @property
    def has_own_text(self) -> bool:
        """Whether the texts are the model's, and not only those of what it came in."""
        return bool(self.texts) and (not self.package or self.stated == self.package_stated)

    @property
    def digest(self) -> str:
        """Identity of what is known."""
        hashes = {name: hashlib.sha256(text).hexdigest() for name, text in self.texts.items()}
        facts = [self.stated, hashes, self.package, self.package_stated]
        return hashlib.sha256(canonical_json(facts)).hexdigest()


def model_licence(spec: str, cache: Path, *, root: Path | None = None) -> ModelLicence:
    """Read the licence of a model; arguments as those of `hub.resolve_model`.

    Raises:
        ConfigError, ToolError: as `hub.resolve_settings`.
    """
    place = hub.local_path(spec, root=root) or hub.resolve_settings(spec, cache, root=root)
    package = spec.removeprefix(hub.PACKAGE).partition("/")[0] if _is_packaged(spec) else ""
    # Files beside a model inside a package may belong to the package's code.
    folder = place if place.is_dir() else None if package else place.parent
    stated = _of_header(place) if place.is_file() else _of_readme(place)
    if folder is not None and (texts := _beside(folder)):
        return ModelLicence(stated, texts)
    return _of_package(package, stated) if package else ModelLicence(stated)


def _is_packaged(spec: str) -> bool:
    return spec.startswith(hub.PACKAGE)


def _beside(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and LICENCE_FILE.match(path.name) and path.stat().st_size <= _LONGEST
    }


def _of_package(package: str, stated: str) -> ModelLicence:
    """Texts of the distribution that installed the package; its word only if nobody else's."""
    for name in sorted(set(packages_distributions().get(package, []))):
        found = distribution(name)
        texts = {
            short: Path(str(found.locate_file(file))).read_bytes()
            for file in found.files or ()
            if (short := licence_name(file.as_posix()))
        }
        said = _one_line(found.metadata["License-Expression"] or found.metadata["License"])
        return ModelLicence(stated or said, texts, name if texts else "", said)
    return ModelLicence(stated)


def _of_readme(folder: Path) -> str:
    """The licence in the front matter that model hubs read."""
    from huggingface_hub.repocard import metadata_load
    from yaml import YAMLError

    readme = folder / "README.md"
    try:
        facts = metadata_load(readme) if readme.is_file() else None
    except (OSError, ValueError, YAMLError):
        return ""
    facts = facts or {}
    names = [facts.get("license"), facts.get("license_name")]
    # Hubs write "other" where their list has no identifier.
    return next((_one_line(name) for name in names if name and name != "other"), "")


@lru_cache(maxsize=8)  # a vocabulary is read along with it
def _of_header(path: Path) -> str:
    return _one_line(read_facts(path).get("general.license"))


def _one_line(stated: Any) -> str:
    """A licence's name, in the spelling of SPDX where it is known there.

    A whole text in a field for names says nothing to a reader.
    """
    if isinstance(stated, list):
        stated = ", ".join(map(str, stated))
    words = " ".join(str(stated or "").split())
    if len(words) > _LONGEST_NAME:
        return ""
    try:
        return str(canonicalize_license_expression(words))
    except InvalidLicenseExpression:
        return words
