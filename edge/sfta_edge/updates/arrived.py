"""The files of an upload: what they may be called, and how much of each has arrived.

A bundle comes as one archive or in parts. The names on the disk are this module's own, so that
nothing a client writes becomes a path.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfta_edge.library.refusals import BadNameError
from sfta_edge.updates.refusals import NotNowError, UnusableUpdateError

_NAME = re.compile(
    r"(?P<stem>[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,150}\.tar)(?:\.(?P<number>\d{3}))?"
)
_STORED = "update.tar"


@dataclass(slots=True)
class Arrived:
    """One file."""

    name: str
    size: int
    """As the client has announced it."""
    stem: str
    number: str
    """Three digits; empty for a whole archive."""
    received: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)
    """Over what has been received."""

    @property
    def whole(self) -> bool:
        """Nothing is missing."""
        return self.received == self.size

    @property
    def is_first(self) -> bool:
        """The manifest stands in this one."""
        return self.number in ("", "001")

    def path(self, folder: Path) -> Path:
        """Where it lies."""
        return folder / (f"{_STORED}.{self.number}" if self.number else _STORED)

    def to_json(self) -> dict[str, Any]:
        """For the Edge API."""
        return {"name": self.name, "size": self.size, "received": self.received}


def announced(name: str, size: int) -> Arrived:
    """A file of which nothing has arrived.

    Raises:
        BadNameError: it is not called as an archive or a part of one is.
    """
    found = _NAME.fullmatch(name)
    if found is None or found["number"] == "000":
        raise BadNameError(
            "an update is called NAME.tar, or NAME.tar.001, NAME.tar.002 and so on",
            hint="Choose the archive that `sfta-edge pack` or `sfta bundle` has made.",
        )
    return Arrived(name, size, found["stem"], found["number"] or "")


def require_fitting(new: Arrived, others: Mapping[str, Arrived]) -> None:
    """Refuse a file that belongs to another upload than those that are here.

    Raises:
        NotNowError: another bundle, or the same file with another size.
    """
    for other in others.values():
        if (other.stem, bool(other.number)) != (new.stem, bool(new.number)):
            raise NotNowError(
                f"{other.name} is being received, and {new.name} is no part of it",
                hint="Cancel that upload first.",
            )
    known = others.get(new.name)
    if known is not None and known.size != new.size:
        raise NotNowError(
            f"{new.name} has {new.size} bytes now and had {known.size} before",
            hint="Cancel the upload and begin again.",
        )


def first_of(files: Iterable[Arrived]) -> Arrived:
    """The file that an installation begins with, if all of them are whole.

    Raises:
        UnusableUpdateError: one is missing or has not wholly arrived.
    """
    found = sorted(files, key=lambda one: one.number)
    if not found:
        raise UnusableUpdateError("nothing was uploaded", hint="Choose a bundle first.")
    for place, one in enumerate(found, 1):
        if one.number and int(one.number) != place:
            raise UnusableUpdateError(
                f"part {place:03} of {one.stem} is missing", hint="Upload all parts."
            )
        if not one.whole:
            raise UnusableUpdateError(
                f"{one.name} has not wholly arrived: {one.received} of {one.size} bytes",
                hint="Choose the file again; the upload goes on where it was cut off.",
            )
    return found[0]
