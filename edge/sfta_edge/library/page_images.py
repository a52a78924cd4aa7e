"""Pictures of pages, drawn when they are first asked for and kept within bounds."""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sfta_edge.documents.document import UnreadableError
from sfta_edge.library.limits import ParseLimits, StoreLimits
from sfta_edge.library.originals import find_original
from sfta_edge.library.sandbox import draw_page
from sfta_edge.manifest import write_durably

WIDTHS = (320, 640, 960, 1280, 1920)
"""Widths that are drawn, pixels; another is rounded up, so that few pictures serve all."""
_PDF = b"%PDF-"
_HEAD_BYTES = 1024


class PageImages:
    """Draws pages of the PDFs in some folders. Threads may share it; one draws at a time."""

    def __init__(
        self,
        cache: Path,
        folders: Sequence[Path],
        *,
        parse_limits: ParseLimits | None = None,
        store_limits: StoreLimits | None = None,
    ) -> None:
        """Keep pictures in `cache`.

        Args:
            cache: folder of the pictures; it may be emptied at any time.
            folders: where originals lie, as ``<sha256>`` or ``<sha256>.*``.
            parse_limits: what drawing one page may cost.
            store_limits: what all pictures may take.
        """
        self._cache = cache
        self._folders = tuple(folders)
        self._parse_limits = parse_limits or ParseLimits()
        self._most_bytes = (store_limits or StoreLimits()).picture_bytes
        self._drawing = threading.Lock()
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)

    def png(self, sha256: str, number: int, width: int) -> bytes | None:
        """Picture of a page of an original; None where there is none.

        Args:
            sha256: digest of the original.
            number: of the page, from 1.
            width: wanted width, pixels; see `WIDTHS`.
        """
        original = self.original(sha256)
        if original is None or number < 1 or not _is_pdf(original):
            return None
        width = WIDTHS[min(bisect_left(WIDTHS, width), len(WIDTHS) - 1)]
        kept = self._cache / f"{sha256}-{number}-{width}.png"
        with self._drawing:
            found = _read(kept)
            if found is None:
                try:
                    found = draw_page(original, number, width, self._parse_limits)
                except UnreadableError:
                    return None
                self._keep(kept, found)
        return found

    def original(self, sha256: str) -> Path | None:
        """The file with this content, if it lies in one of the folders."""
        return find_original(sha256, self._folders)

    def forget(self, sha256: str) -> None:
        """Remove the pictures of a document."""
        for path in self._cache.glob(f"{sha256}-*.png"):
            path.unlink(missing_ok=True)

    def _keep(self, path: Path, picture: bytes) -> None:
        """Keep a picture; those not asked for the longest go. A full disk keeps none."""
        kept = sorted(self._cache.glob("*.png"), key=lambda p: p.stat().st_mtime)
        total = sum(p.stat().st_size for p in kept) + len(picture)
        for old in kept:
            if total <= self._most_bytes:
                break
            total -= old.stat().st_size
            old.unlink()
        with suppress(OSError):
            write_durably(path, picture)


def _read(path: Path) -> bytes | None:
    try:
        found = path.read_bytes()
        path.touch()
    except OSError:
        return None
    return found


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as stream:
        return _PDF in stream.read(_HEAD_BYTES)
