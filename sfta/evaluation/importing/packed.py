"""A file that somebody else has made, as it is read: unpacked if it is gzip, and with limits."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from sfta_edge.errors import ConfigError

LARGEST_FILE = 640 << 20
"""Bytes of a file that has to be read as a whole, unpacked."""
LARGEST_LINE = 64 << 20
LARGEST_RATIO = 100
"""Bytes that one byte of a packed file may become; questions pack three to ten times smaller."""
PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_PACKED = ".gz"


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that can be read, and what it holds once it is unpacked."""

    path: Path
    size: int
    """Bytes on the disk."""
    packed: bool
    head: bytes
    """The first bytes, unpacked."""

    @classmethod
    def at(cls, path: Path) -> Self:
        """The file of a path.

        Raises:
            ConfigError: it cannot be read, or is damaged.
        """
        try:
            with path.open("rb") as stream:
                head = stream.read(len(PARQUET))
            size = path.stat().st_size
        except OSError as error:
            raise ConfigError(
                f"cannot read {path}: {error.strerror}", hint="Check the path."
            ) from error
        if not head.startswith(_GZIP):
            return cls(path, size, packed=False, head=head)
        packed = cls(path, size, packed=True, head=b"")
        with packed.opened() as stream:
            return cls(path, size, packed=True, head=stream.read(len(PARQUET)))

    @property
    def suffix(self) -> str:
        """How the name ends, in lower case, without what says that it is packed."""
        named = self.path.name.casefold()
        return Path(named.removesuffix(_PACKED) if self.packed else named).suffix

    def lines(self, *, may_be_all: bool = False) -> Iterator[bytes]:
        """Line by line.

        Args:
            may_be_all: a line may be as long as a file that is read as a whole.

        Raises:
            ConfigError: a line is too long, or the file is damaged or unpacks to too much.
        """
        longest = LARGEST_FILE if may_be_all else LARGEST_LINE
        most, read, number = unpacked_limit(self.size), 0, 0
        with self.opened() as stream:
            while line := stream.readline(longest + 1):
                number, read = number + 1, read + len(line)
                if len(line) > longest:
                    raise self._too_large() if may_be_all else self._too_long(number)
                if self.packed and read > most:
                    raise bomb(self.path, most)
                yield line

    def whole(self) -> bytes:
        """All of it.

        Raises:
            ConfigError: it is larger than `LARGEST_FILE`, or damaged.
        """
        with self.opened() as stream:
            content = stream.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise self._too_large()
        return content

    def _too_large(self) -> ConfigError:
        return ConfigError(
            f"{self.path} holds more than {LARGEST_FILE >> 20} MiB in one piece",
            hint="Give a part of it, or JSON lines: these are read one by one.",
        )

    def _too_long(self, number: int) -> ConfigError:
        return ConfigError(
            f"{self.path}: line {number} is longer than {LARGEST_LINE >> 20} MiB",
            hint="A record of a question set is some thousand bytes; check the file.",
        )

    @contextmanager
    def opened(self) -> Iterator[IO[bytes] | gzip.GzipFile]:
        """The unpacked bytes, for as long as the block lasts."""
        try:
            with self.path.open("rb") as raw:
                if not self.packed:
                    yield raw
                    return
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield unpacked
        except (EOFError, OSError, zlib.error) as error:
            raise ConfigError(
                f"cannot read {self.path}: {error}", hint="Copy or download it again."
            ) from error


def unpacked_limit(size: int) -> int:
    """Bytes that a packed file of a size may become."""
    return max(LARGEST_FILE, LARGEST_RATIO * size)


def bomb(path: Path, most: int) -> ConfigError:
    """What is said of a file that unpacks to too much."""
    return ConfigError(
        f"{path} unpacks to more than {most >> 20} MiB",
        hint=f"No question set packs {LARGEST_RATIO} times smaller; do not trust it.",
    )
