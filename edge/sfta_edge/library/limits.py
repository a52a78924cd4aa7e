"""What one file and all files may cost; every limit has a default that a small device bears."""

from dataclasses import dataclass

from sfta_edge.documents.rules import ReadOptions

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What reading one file may cost. A file that needs more fails; the others go on."""

    seconds: int = 300
    """Processor time, and wall time but for a short grace."""
    memory_bytes: int = 1024 * _MEGABYTE
    """Address space on top of the parser itself."""
    result_bytes: int = 128 * _MEGABYTE
    """What the parser may hand back."""
    pages: int = 3000
    page_characters: int = 100_000
    unpacked_bytes: int = 256 * _MEGABYTE
    """What the parts of an office file may unpack to."""
    pixels: int = 16_000_000
    """Of the picture of one page."""

    def options(self) -> ReadOptions:
        """How files are read under these limits."""
        return ReadOptions(
            most_pages=self.pages,
            page_characters=self.page_characters,
            unpacked_bytes=self.unpacked_bytes,
        )


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What the folder of the documents may take."""

    file_bytes: int = 256 * _MEGABYTE
    """Longest file that is taken in."""
    reserve_bytes: int = 256 * _MEGABYTE
    """Free space that must stay: below it nothing is taken in."""
    waiting: int = 1000
    """Most files that wait to be read."""
    kept_jobs: int = 1000
    """Failed and cancelled jobs that are remembered."""
    tries: int = 10
    """How often a file may end the program, the power or both, before it is given up."""
    retry_seconds: float = 30.0
    """How long a job waits for space on the disk before it is tried again."""
    picture_bytes: int = 128 * _MEGABYTE
    """Pictures of pages that are kept."""
