"""Finds the files that describe documents, and tells them from the documents.

``NAME.meta.yaml`` lies beside its document. ``documents.yaml`` lies in a folder of the source
and speaks of what is below it; one that is nearer to the document counts more, the document's
own file most. Local ones need not be listed as a source; those of an object store must be:
list the folder, not a glob.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sfta.adapters.source import Source
from sfta.adapters.storage import fetch
from sfta.documents.particulars import (
    Particulars,
    matches,
    merged,
    read_folder,
    read_particulars,
)

log = logging.getLogger("sfta")
_LARGEST_BYTES = 1 << 20
SUFFIX = ".meta.yaml"
FOLDER_FILE = "documents.yaml"


def is_sidecar(source: Source) -> bool:
    """Whether a file describes documents and is none itself."""
    last = source.location.rpartition("/")[2]
    return last == FOLDER_FILE or last.endswith(SUFFIX)


@dataclass(slots=True)
class Sidecars:
    """What is said about the documents of a run."""

    listed: dict[str, Source]
    """Sidecars among the sources, by location."""
    cache: Path
    _folders: dict[str, dict[str, Particulars]] = field(default_factory=dict)
    _used: set[tuple[str, str]] = field(default_factory=set)
    """Location and glob, or location alone, that meant some document."""

    @classmethod
    def among(cls, sources: Sequence[Source], cache: Path) -> "Sidecars":
        """The sidecars of a list of sources."""
        return cls({s.location: s for s in sources if is_sidecar(s)}, cache)

    def of(self, source: Source) -> Particulars:
        """All that is said about one document.

        Raises:
            ConfigError: a sidecar is damaged or holds unknown keys.
        """
        found: list[Particulars] = []
        for folder in reversed(list(_folders(source))):
            name = source.location[len(folder) + 1 :]
            location = f"{folder}/{FOLDER_FILE}"
            for glob, facts in self._folder(location).items():
                if matches(glob, name):
                    found.append(facts)
                    self._used.add((location, glob))
        own = source.location + SUFFIX
        if path := self._path(own):
            found.append(read_particulars(path, source.name + SUFFIX))
            self._used.add((own, ""))
        return merged(found)

    def warn_unused(self) -> int:
        """Name sidecars and globs that mean no document; return how many."""
        unused = [f"{location} describes no document" for location in self._orphans()]
        for location, globs in self._folders.items():
            unused += [
                f"{location}: no document matches {glob}"
                for glob in globs
                if (location, glob) not in self._used
            ]
        for sentence in unused:
            log.warning("ingest: %s", sentence)
        return len(unused)

    def _orphans(self) -> Iterator[str]:
        for location in sorted(self.listed):
            if location.endswith(SUFFIX) and (location, "") not in self._used:
                yield location

    def _folder(self, location: str) -> dict[str, Particulars]:
        if location not in self._folders:
            path = self._path(location)
            self._folders[location] = read_folder(path, location) if path else {}
        return self._folders[location]

    def _path(self, location: str) -> Path | None:
        """The sidecar at a location, if there is one."""
        if source := self.listed.get(location):
            return fetch(source, self.cache, _LARGEST_BYTES)
        path = Path(location)
        return path if "://" not in location and path.is_file() else None


def _folders(source: Source) -> Iterator[str]:
    """Locations of the folders from the document's own up to that of the listed source."""
    folder = source.location
    for _ in range(source.name.count("/") + 1):
        folder = folder.rpartition("/")[0]
        yield folder
