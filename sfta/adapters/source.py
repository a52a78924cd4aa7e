"""One file that ingest reads, wherever it lies."""

from dataclasses import dataclass
from pathlib import Path

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file to read."""

    name: str
    """POSIX path below the listed source: the same on every machine."""
    location: str
    """Local path or URL."""
    size: int
    """Bytes; 0 when a web server does not say."""
    stamp: str = ""
    """Version of a remote file; empty when the store gives none."""
    parents: tuple[str, ...] = ()
    """Folder names above the name, nearest last; used when two names are the same."""
    refused: str = ""
    """Why it must not be opened; empty for a file like any other."""


def is_hidden(name: str) -> bool:
    """Whether a part of the name begins with a dot, or with what office programs lock with."""
    return any(part.startswith((".", "~$")) for part in name.split("/"))


def has_glob(text: str) -> bool:
    """Whether the text holds a wildcard."""
    return any(char in _GLOB for char in text)


def fixed_part(path: Path) -> Path:
    """The folder above the first part with a wildcard."""
    parts = path.parts
    first = next(i for i, part in enumerate(parts) if has_glob(part))
    return Path(*parts[:first])
