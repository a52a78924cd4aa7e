"""What a parser has to know of OCR.

Standard library only: every process that parses a file loads it.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Mode = Literal["off", "auto", "always"]
WALL_FACTOR = 10
"""Wall time of a page by its processor time: as much as a busy machine may need."""
LOW_CONFIDENCE = "low_ocr_confidence"
"""Name of the flag on a page that Tesseract was not sure of."""


@dataclass(frozen=True, slots=True)
class Ocr:
    """How pictures are read, or why they are not."""

    mode: Mode = "off"
    languages: tuple[str, ...] = ("eng",)
    """Names that Tesseract has for its models."""
    dpi: int = 300
    page_seconds: int = 120
    """Processor time."""
    least_confidence: float = 60.0
    """Mean confidence, 0 to 100, below which a page is flagged."""
    most_pixels: int = 200_000_000
    """Of one picture."""
    engine: str = ""
    """Versions and models that decide the text; empty if there is no engine."""
    missing: str = ""
    """What there is to install, where the engine is wanted and not there."""
    beats: str = ""
    """A file that grows by one byte for each page begun: more pages may take more time."""
    kept: str = ""
    """A folder for what the engine said, page by page: a run that was interrupted in the middle
    of a long scan does not read its first pages again."""

    @property
    def works(self) -> bool:
        """Whether pages can be read."""
        return self.mode != "off" and bool(self.engine)

    @property
    def excuse(self) -> str:
        """Why pages are not read, as the end of a sentence."""
        if self.mode == "off":
            return "ingest.ocr.mode is off"
        return self.missing or "there is no OCR engine"

    def to_json(self) -> dict[str, Any]:
        """Plain values for the child process."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """``from_json(ocr.to_json()) == ocr``."""
        return cls(**{**data, "languages": tuple(data["languages"])})
