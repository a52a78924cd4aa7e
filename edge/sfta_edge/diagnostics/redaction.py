"""Taking out of a text whatever it may name: people, documents, machines, secrets.

Rules this module upholds:

- A word of free text leaves the device if the program's own sentences have it (see `vocabulary`)
  and it is no name that is known here; everything else is replaced.
- What is replaced is replaced by the same pseudonym everywhere in one file, and by another one in
  the next: the key lives in memory and is thrown away.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfta_edge.diagnostics.vocabulary import vocabulary

MOST_CHARACTERS = 2000
"""Of one text; what is behind is cut off."""
_DIGITS = 12
_SHORT = 6  # digits of a number that names nobody: seconds, megabytes, a version
_LONG = 9  # digits of what may be a telephone number, a card, an identity
_WORD = re.compile(r"\w+|[^\w\s]{4,}")
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|„[^“”]*[“”]|“[^”]*”|«[^»]*»|‚[^‘’]*[‘’]")
_ADDRESS = re.compile(
    r"\w[\w+.-]*://\S+"
    r"|[\w.+-]+@[\w.-]+"
    r"|(?<![\w-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![\w-])"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w+)?(?![\w:])"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.])"
)
_TAIL = r"[^\s:,;()'\"<>|]"
_PATH = re.compile(rf"(?<![\w./])~?/{_TAIL}+")
_NUMBERS = re.compile(r"\d[\d\s%+./()_-]*\d")
Piece = tuple[str, bool]
"""A stretch of a text, and whether it has been judged."""


@dataclass(slots=True)
class Pseudonyms:
    """Stands for values within one file; nobody can say for which."""

    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _given: dict[str, set[str]] = field(default_factory=dict)

    def of(self, value: str, kind: str) -> str:
        """The pseudonym of a value; the same value has the same digits whatever its kind."""
        raw = value.encode("utf-8", "surrogatepass")
        digits = hmac.new(self._key, raw, "sha256").hexdigest()[:_DIGITS]
        self._given.setdefault(kind, set()).add(digits)
        return f"<{kind} {digits}>"

    def counts(self) -> dict[str, int]:
        """How many values of each kind were replaced."""
        return {kind: len(digits) for kind, digits in sorted(self._given.items())}


class Redactor:
    """Redacts the texts of one file."""

    def __init__(self, root: Path, known: Mapping[str, str] | None = None) -> None:
        """Begin a file.

        Args:
            root: of the installation; paths below it stay readable.
            known: names that occur on this device, and of what kind they are.
        """
        self.pseudonyms = Pseudonyms()
        roots = {str(root), str(root.absolute()), str(root.resolve())}
        longest = sorted(map(re.escape, roots), key=len, reverse=True)
        self._below_root = re.compile(
            rf"(?<![\w./])(?:{'|'.join(longest)})(/{_TAIL}*)?(?!{_TAIL})"
        )
        self._known = {
            name.casefold(): kind for name, kind in (known or {}).items() if len(name) > 1
        }

    def name(self, value: object, kind: str) -> str:
        """A pseudonym; nothing for nothing."""
        return self.pseudonyms.of(str(value), kind) if value not in (None, "") else ""

    def text(self, text: str) -> str:
        """A text of which only the program's own words are left."""
        pieces: list[Piece] = [(text[:MOST_CHARACTERS], False)]
        pieces = list(_judged(pieces, self._below_root, self._path_below_root))
        pieces = list(_judged(pieces, self._known_in(text), self._known_name))
        pieces = list(_judged(pieces, _QUOTED, lambda found: self._new(found, "quoted")))
        pieces = list(_judged(pieces, _ADDRESS, lambda found: self._new(found, "address")))
        pieces = list(_judged(pieces, _PATH, lambda found: self._new(found, "path")))
        pieces = list(_judged(pieces, _NUMBERS, self._number))
        pieces = list(_judged(pieces, _WORD, self._word))
        return "".join(
            found if found.isprintable() else _printable(found) for found, _ in pieces
        )

    def tree(self, value: Any) -> Any:
        """Parsed JSON with every text redacted, the names of fields as well."""
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.tree(what) for name, what in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def _known_in(self, text: str) -> re.Pattern[str] | None:
        """Finds the known names that a text has, the longest first."""
        folded = text.casefold()
        found = sorted((name for name in self._known if name in folded), key=len, reverse=True)
        if not found:
            return None
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, found))})(?!\w)", re.IGNORECASE)

    def _known_name(self, found: str) -> str:
        return self._new(found, self._known.get(found.casefold(), "name"))

    def _new(self, found: str, kind: str) -> str:
        return self.pseudonyms.of(found, kind)

    def _path_below_root(self, found: str) -> str:
        tail = self._below_root.fullmatch(found)
        parts = (tail[1] or "").split("/") if tail else []
        return "ROOT" + "/".join(self.text(part) for part in parts)

    def _number(self, found: str) -> str | None:
        return self._new(found, "number") if sum(map(str.isdigit, found)) > _LONG else None

    def _word(self, found: str) -> str:
        if found.isascii() and found.removeprefix("v").isdigit():
            return found if len(found) <= _SHORT else self._new(found, "number")
        if found.casefold() in vocabulary():
            return found
        parts = found.split("_")
        if all(part.casefold() in vocabulary() or not part for part in parts) and any(parts):
            return found
        return self._new(found, "word")


def _judged(
    pieces: list[Piece], pattern: re.Pattern[str] | None, judge: Callable[[str], str | None]
) -> Iterator[Piece]:
    """Replace what a pattern finds in stretches that were not judged; None: not decided yet."""
    for text, done in pieces:
        if done or pattern is None:
            yield text, done
            continue
        end = 0
        for found in pattern.finditer(text):
            replaced = judge(found[0])
            if replaced is None:
                continue
            yield text[end : found.start()], False
            yield replaced, True
            end = found.end()
        yield text[end:], False


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
