"""What a parsed file is: pages of clean text, boxes for highlighting, and blocks.

Standard library only: the process that parses a hostile file loads nothing else of ours.

Offsets are characters of the page text. Boxes are PDF points on the page as a viewer shows
it (rotated and cropped), origin in the top left corner, y growing downwards. Files without a
page geometry (all but PDF) have width and height 0 and no lines.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, get_args

from sfta_edge.errors import ConfigError

Kind = Literal["heading", "paragraph", "list", "table", "caption", "code"]
Code = Literal[
    "encrypted",
    "no_text",
    "damaged",
    "empty",
    "unsupported",
    "too_large",
    "timeout",
    "crashed",
    "duplicate",
    "near_duplicate",
    "language",
    "refused",
]
PICTURES_LEFT_OUT = "pictures_left_out"
"""Name of the count of pictures that a file shows between its text and that are not read."""
CODES: tuple[str, ...] = get_args(Code)
Box = tuple[float, float, float, float]


class UnreadableError(ConfigError):
    """One file cannot become a document; the code says which way, the text says why."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of page text and the box it is printed in."""

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of page text that belongs together."""

    kind: Kind
    level: int
    """1 to 6 for a heading, 0 otherwise."""
    start: int
    end: int
    header: str = ""
    """Column names of a table, also where the table began on an earlier page."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Text made to deceive a reader or to command a model, or read with little confidence."""

    reason: str
    start: int = 0
    end: int = 0
    """The stretch of page text; start and end are 0 where the page as a whole is meant."""


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch of page text that was replaced or left out, and where it stood before."""

    start: int
    end: int
    """Of what stands there now; the same as the start if nothing does."""
    kind: str
    """EMAIL, PHONE, ... for a placeholder of personal data; `left_out` for dropped text."""
    raw_start: int
    """Offset in the page text as it was read."""
    raw_end: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A page whose text, or a part of it, is not in the document."""

    page: int
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page. Blocks stand in reading order, separated by an empty line of text."""

    number: int
    """From 1."""
    text: str
    width: float = 0.0
    height: float = 0.0
    lines: tuple[Line, ...] = ()
    blocks: tuple[Block, ...] = ()
    flags: tuple[Flag, ...] = ()
    changes: tuple[Change, ...] = ()
    confidence: float | None = None
    """Mean confidence of OCR in its words, 0 to 100; None where the text is the file's own."""

    def to_json(self) -> dict[str, Any]:
        """The page as the artifact holds it; the last three only where there is something."""
        record: dict[str, Any] = {
            "number": self.number,
            "text": self.text,
            "width": self.width,
            "height": self.height,
            "lines": [[i.start, i.end, i.x0, i.y0, i.x1, i.y1] for i in self.lines],
            "blocks": [asdict(block) for block in self.blocks],
        }
        if self.flags:
            record["flags"] = [asdict(flag) for flag in self.flags]
        if self.changes:
            record["changes"] = [asdict(change) for change in self.changes]
        if self.confidence is not None:
            record["confidence"] = self.confidence
        return record

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """``from_json(page.to_json()) == page``."""
        return cls(
            data["number"],
            data["text"],
            data["width"],
            data["height"],
            tuple(Line(*line) for line in data["lines"]),
            tuple(Block(**block) for block in data["blocks"]),
            tuple(Flag(**flag) for flag in data.get("flags", ())),
            tuple(Change(**change) for change in data.get("changes", ())),
            data.get("confidence"),
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of a file that is no part of the document: an attachment nobody can read."""

    name: str
    sha256: str
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What reading one file gave."""

    title: str
    """Empty when the file does not say."""
    media_type: str
    pages: tuple[Page, ...]
    counts: dict[str, int] = field(default_factory=dict)
    """What was removed or repaired on the way, by name."""
    language: str = ""
    """ISO 639 code, `und` if it cannot be told, empty while nobody has looked."""
    left_out: tuple[LeftOut, ...] = ()
    """Attachments that could not be read."""
    unread: tuple[Unread, ...] = ()
    """Pages that could not be read as a whole."""

    def to_json(self) -> dict[str, Any]:
        """The result as it passes between processes."""
        record: dict[str, Any] = {
            "title": self.title,
            "media_type": self.media_type,
            "pages": [page.to_json() for page in self.pages],
            "counts": self.counts,
        }
        if self.left_out:
            record["left_out"] = [asdict(part) for part in self.left_out]
        if self.unread:
            record["unread"] = [asdict(page) for page in self.unread]
        return record

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """``from_json(parsed.to_json()) == parsed``."""
        pages = tuple(Page.from_json(page) for page in data["pages"])
        left_out = tuple(LeftOut(**part) for part in data.get("left_out", ()))
        unread = tuple(Unread(**page) for page in data.get("unread", ()))
        counts = data["counts"]
        return cls(data["title"], data["media_type"], pages, counts, "", left_out, unread)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a block: text, what stands between it and the piece before, and its box."""

    text: str
    box: Box | None = None
    glue: str = " "


class PageWriter:
    """Lays blocks one after another into the text of a page and keeps the offsets."""

    def __init__(
        self,
        number: int,
        width: float = 0.0,
        height: float = 0.0,
        confidence: float | None = None,
    ) -> None:
        self._number = number
        self._confidence = confidence
        self._size = (round(width, 2), round(height, 2))
        self._text: list[str] = []
        self._length = 0
        self._lines: list[Line] = []
        self._blocks: list[Block] = []
        self._flags: list[Flag] = []

    def flag(self, reason: str) -> None:
        """Mark the page as a whole, once for each reason."""
        if Flag(reason) not in self._flags:
            self._flags.append(Flag(reason))

    def add(
        self, kind: Kind, fragments: Sequence[Fragment], *, level: int = 0, header: str = ""
    ) -> None:
        """Append one block; fragments without visible text are left out."""
        shown = [fragment for fragment in fragments if fragment.text.strip()]
        if not shown:
            return
        if self._blocks:
            self._put("\n\n")
        begin = self._length
        for index, fragment in enumerate(shown):
            if index:
                self._put(fragment.glue)
            start = self._length
            self._put(fragment.text)
            if fragment.box is not None:
                x0, y0, x1, y1 = (round(value, 2) for value in fragment.box)
                self._lines.append(Line(start, self._length, x0, y0, x1, y1))
        self._blocks.append(Block(kind, level, begin, self._length, header))

    def page(self) -> Page:
        """The finished page."""
        width, height = self._size
        text = "".join(self._text)
        return Page(
            self._number,
            text,
            width,
            height,
            tuple(self._lines),
            tuple(self._blocks),
            tuple(self._flags),
            confidence=self._confidence,
        )

    def _put(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)


def document_id(raw_sha256: str, name: str) -> str:
    """First 16 hex digits of sha256(raw bytes' digest, name): the same file, the same id."""
    return hashlib.sha256(f"{raw_sha256}\n{name}".encode()).hexdigest()[:16]
