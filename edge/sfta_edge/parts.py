"""An archive in parts, for media that are smaller than a bundle: ``NAME.tar.001`` and so on.

The parts joined are the archive; nothing marks them. A part that is missing, swapped or of another
bundle makes the archive differ from what its manifest demands.
"""

import io
import os
import re
from pathlib import Path
from typing import BinaryIO, cast

from sfta_edge.errors import ConfigError
from sfta_edge.manifest import sync_folder

_PART = re.compile(r"(?P<stem>.+\.tar)\.(?P<number>\d{3})")
_MOST_PARTS = 999
_COPY_BYTES = 1 << 20


def is_part(path: Path) -> bool:
    """Whether the name is that of a part."""
    return _PART.fullmatch(path.name) is not None


def parts_of(first: Path) -> list[Path]:
    """All parts, in order, given any of them.

    Raises:
        ConfigError: one is missing between the first and the last that are there.
    """
    named = _PART.fullmatch(first.name)
    assert named is not None
    stem = named["stem"]
    numbers = sorted(
        int(found["number"])
        for path in first.parent.iterdir()
        if (found := _PART.fullmatch(path.name)) and found["stem"] == stem
    )
    missing = sorted(set(range(1, max(numbers, default=1) + 1)) - set(numbers))
    if missing:
        raise ConfigError(
            f"part {missing[0]:03} of {stem} is not in {first.parent}",
            hint="Copy all parts into one folder.",
        )
    return [first.with_name(f"{stem}.{number:03}") for number in numbers]


def open_parts(first: Path) -> BinaryIO:
    """All parts as one stream.

    Raises:
        ConfigError: as `parts_of`.
    """
    return cast("BinaryIO", io.BufferedReader(_Joined(parts_of(first)), _COPY_BYTES))


def split(archive: Path, part_bytes: int) -> list[Path]:
    """Write the parts of an archive beside it; each has `part_bytes`, the last one fewer.

    Raises:
        ConfigError: there would be more than 999.
    """
    size = archive.stat().st_size
    if part_bytes < 1 or -(-size // part_bytes) > _MOST_PARTS:
        raise ConfigError(
            f"{archive.name} has {size} bytes: parts of {part_bytes} are too small",
            hint=f"At most {_MOST_PARTS} parts are made.",
        )
    made = []
    with archive.open("rb") as source:
        for number in range(1, -(-size // part_bytes) + 1):
            target = archive.with_name(f"{archive.name}.{number:03}")
            _write_part(source, part_bytes, target)
            made.append(target)
    sync_folder(archive.parent)
    return made


class _Joined(io.RawIOBase):
    """Several files, read as one."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = list(paths)
        self._now: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            if self._now is None:
                if not self._paths:
                    return 0
                self._now = self._paths.pop(0).open("rb")
            found = self._now.read(len(buffer))
            if found:
                buffer[: len(found)] = found
                return len(found)
            self._now.close()
            self._now = None

    def close(self) -> None:
        if self._now is not None:
            self._now.close()
        super().close()


def _write_part(source: BinaryIO, size: int, target: Path) -> None:
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as out:
            left = size
            while left and (block := source.read(min(left, _COPY_BYTES))):
                out.write(block)
                left -= len(block)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
