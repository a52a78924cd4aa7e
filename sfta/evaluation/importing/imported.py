"""A question as a foreign file asks it, before it becomes a line of the benchmark file."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sfta_edge.errors import ConfigError

_NAME_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that stands beside questions in the file."""

    title: str
    text: str

    @property
    def id(self) -> str:
        """From its content, so that the same passage has one id in a whole file."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()[:16]

    @property
    def file(self) -> str:
        """Name of the document that is written for it."""
        spelled = unicodedata.normalize("NFKC", self.title)
        words = re.sub(r"[^\w]+", "-", spelled).strip("-_")[:_NAME_CHARACTERS].strip("-_")
        return f"{words or 'passage'}-{self.id}.txt"


@dataclass(frozen=True, slots=True)
class Imported:
    """One question."""

    id: str
    question: str
    answers: tuple[str, ...]
    """Accepted answers; empty: the passages do not hold one."""
    passages: tuple[Passage, ...] = ()
    """All that the file puts beside the question, in the order in which it is to be read."""
    oracles: tuple[Passage, ...] = ()
    """Those that hold the answer."""
    needed: tuple[Passage, ...] = ()
    """Those that are not left out for want of room; empty: any one oracle."""
    all_oracles: bool = False
    """The answer needs every oracle."""
    reference: str = ""
    kind: str = ""
    group: str = ""
    pages: tuple[tuple[str, int], ...] = ()
    """Pages of the reader's own documents that hold the answer: file name, and page from 1."""
    own_passages_only: bool = False
    """What it says of answers holds for its own passages and not for those of all questions."""


class UnusableError(ConfigError):
    """A value is not what the format says."""


class LeftOutError(ConfigError):
    """A question is in order, and no benchmark can ask it; the reason is counted."""


@dataclass(slots=True)
class Notes:
    """What a file came to, beside its questions."""

    problems: list[str] = field(default_factory=list)
    """With their place in the file."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Questions that are not taken, by reason."""
    remarks: Counter[str] = field(default_factory=Counter)
    """Questions that are taken with a change, by what was changed."""

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Note what is wrong with the record that is read inside."""
        try:
            yield
        except UnusableError as error:
            self.problems.append(f"{place}: {error}")
        except LeftOutError as error:
            self.left_out[str(error)] += 1


def text_of(record: Mapping[str, Any], key: str) -> str:
    """A text that is not empty; blanks around it go.

    Raises:
        UnusableError: it is missing, empty or no text.
    """
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UnusableError(f"{key!r} must be a text that is not empty")
    return whole(value).strip()


def optional_text(record: Mapping[str, Any], key: str) -> str:
    """The same; an empty text where there is none."""
    return text_of(record, key) if record.get(key) not in (None, "") else ""


def texts_of(record: Mapping[str, Any], key: str) -> list[str]:
    """A list of texts, those that are empty left out.

    Raises:
        UnusableError: it is no list of texts.
    """
    value = record.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UnusableError(f"{key!r} must be a list of texts")
    return [whole(item).strip() for item in value if item.strip()]


def records_of(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects.

    Raises:
        UnusableError: it is something else.
    """
    value = record.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UnusableError(f"{key!r} must be a list of objects")
    return value


def identifier(record: Mapping[str, Any], key: str) -> str:
    """An id: a text or a whole number.

    Raises:
        UnusableError: it is missing or something else.
    """
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(record, key)


def content_id(*texts: str) -> str:
    """An id for a record whose format has none."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def distinct(texts: Sequence[str]) -> tuple[str, ...]:
    """Each text once, in its order."""
    return tuple(dict.fromkeys(texts))


def whole(text: str) -> str:
    """The text with halves of surrogate pairs replaced: they can be parsed but not written."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
