"""How files are read and pages are cut, as plain values: what a recipe or a bundle sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, get_args

from sfta_edge.errors import IntegrityError

_SMALLEST_CHUNK, _LARGEST_CHUNK = 16, 8192
Strategy = Literal["structure", "sentence", "fixed"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read."""

    most_pages: int = 5000
    page_characters: int = 200_000
    drop_running: bool = True
    """Page headers, page footers and page numbers are left out."""
    drop_hidden: bool = True
    """Text that no reader of the page can see is left out."""
    tables: bool = True
    """Ruled tables become Markdown rows."""
    unpacked_bytes: int = 1 << 30
    """What the parts of an office file may unpack to."""


class ChunkRules(Protocol):
    """How pages are cut; lengths are tokens. The factory's `ChunkConfig` is one."""

    @property
    def strategy(self) -> Strategy: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def min_tokens(self) -> int: ...
    @property
    def overlap_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """The rules of a device; its defaults are those of a recipe."""

    strategy: Strategy = "structure"
    max_tokens: int = 160
    min_tokens: int = 40
    overlap_tokens: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The rules that a bundle's manifest records as ``chunk``; the defaults if it does not.

        Raises:
            IntegrityError: they are no rules.
        """
        said = facts.get("chunk", {})
        try:
            made = cls(**said)
            sizes: list[Any] = [made.max_tokens, made.min_tokens, made.overlap_tokens]
            whole = all(type(size) is int and 0 <= size <= _LARGEST_CHUNK for size in sizes)
            usable = whole and made.strategy in get_args(Strategy)
        except TypeError as error:
            raise IntegrityError(f"the bundle's chunk rules cannot be read: {error}") from error
        if not usable or made.max_tokens < _SMALLEST_CHUNK:
            raise IntegrityError(f"the bundle's chunk rules cannot be used: {said}")
        return made
