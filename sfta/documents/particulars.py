"""What the owner of documents says about them: title, owner, licence, language, access.

It stands beside the documents, in ``NAME.meta.yaml`` for one file or in ``documents.yaml`` for
a folder, where it is given by glob.
"""

import fnmatch
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import Field

from sfta.core.config import Section, build, read_yaml
from sfta_edge.errors import ConfigError

Fact = Annotated[str, Field(max_length=500)]


class Particulars(Section):
    """Facts on one document; an empty one is not known."""

    title: Fact = ""
    """Instead of the title that the file gives itself."""
    owner: Fact = ""
    """Person or organisation that the document belongs to."""
    licence: Fact = ""
    """Under which it may be used, such as CC-BY-4.0 or a sentence."""
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3})?$")] = ""
    """ISO 639 code; instead of the language that is recognised."""
    access: Fact = ""
    """Group that may read it."""


def read_particulars(path: Path, place: str) -> Particulars:
    """The sidecar of one document; `place` is what it is called in an error.

    Raises:
        ConfigError: no YAML, or unknown keys.
    """
    return build(Particulars, _read(path, place), name=place)


def read_folder(path: Path, place: str) -> dict[str, Particulars]:
    """Facts by glob, in the order of the file.

    Raises:
        ConfigError: no YAML, a glob without a mapping, or unknown keys.
    """
    found: dict[str, Particulars] = {}
    for glob, facts in _read(path, place).items():
        if not isinstance(facts, Mapping):
            raise ConfigError(
                f"{place}: {glob!r} names no facts",
                hint="Write a glob, and below it title, owner, licence, language or access.",
            )
        found[str(glob)] = build(Particulars, dict(facts), name=f"{place}: {glob}")
    return found


def matches(glob: str, name: str) -> bool:
    """Whether a glob means a document; it is matched against the path and the file's name."""
    return fnmatch.fnmatch(name, glob) or fnmatch.fnmatch(PurePosixPath(name).name, glob)


def merged(found: Iterable[Particulars]) -> Particulars:
    """One set of facts; where several say something the last one counts."""
    facts: dict[str, Any] = {}
    for particulars in found:
        facts |= {name: value for name, value in particulars.model_dump().items() if value}
    return Particulars(**facts)


def _read(path: Path, place: str) -> dict[str, Any]:
    try:
        return read_yaml(path)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(path), place), hint=error.hint) from None
