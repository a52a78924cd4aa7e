"""Clean spelling of extracted text: ligatures, spaces, invisible characters, hyphens.

What is written here is what a model learns to quote, so nothing changes a word or a number.
"""

import re
import unicodedata
from collections.abc import Set as AbstractSet
from functools import lru_cache

SOFT_HYPHEN = "\u00ad"
_LIGATURES = {
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
    "\ufb05": "st",
    "\ufb06": "st",
}
# Symbol and Wingdings bullets live in the private use area.
_BULLETS = dict.fromkeys(
    "\uf0b7\uf0a7\uf0d8\uf076\uf0fc\uf0a8\u2022\u25cf\u25aa\u2023\u25e6", "\u2022"
)
_SPELLING = str.maketrans(
    {**_LIGATURES, **_BULLETS, "\u00a0": " ", "\u2007": " ", "\u202f": " "}
)
_SPACES = re.compile(r"[^\S\n]+")
_HYPHENS = ("-", "\u2010", SOFT_HYPHEN)
_TAIL = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_HEAD = re.compile(r"^([^\W\d_]+)")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*[-\u2010\u00ad]?")
# Words that are far more often the first syllable of a broken word than part of a compound.
_SYLLABLES = frozenset[str]().union(
    {"all", "and", "any", "are", "but", "can", "com", "con", "dis", "for", "her"},
    {"his", "its", "not", "our", "pro", "the", "was"},
)
_SUPERSCRIPT = str.maketrans("0123456789+-\u2212=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")

# Marks of direction turn around what a reader sees; joiners and tags are not seen at all.
_BIDI = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_ZERO_WIDTH = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u180e")
_TAGS = range(0xE0000, 0xE0080)
_FEW_JOINERS = 3


def clean(text: str) -> str:
    """Spell text plainly: composed letters, no ligatures, no characters one cannot see.

    Spaces of every kind become one plain space; line ends stay. ``clean(clean(t)) == clean(t)``.
    """
    mapped = unicodedata.normalize("NFC", text.translate(_SPELLING))
    kept = "".join(char for char in mapped if char == "\n" or _visible(char))
    return _SPACES.sub(" ", kept)


def invisible(text: str) -> int:
    """How many characters `clean` takes out because no reader can see them."""
    return sum(not _visible(char) for char in text if char not in "\n\r\t\f" + SOFT_HYPHEN)


def tricks(text: str) -> list[str]:
    """Which sorts of characters hide or turn around what a raw text says, by name.

    A byte order mark at its beginning and one or two joiners are what editors leave.
    """
    if text.isascii():
        return []
    body = text.lstrip("\ufeff")
    found = {
        "bidi_control": any(char in _BIDI for char in body),
        "zero_width": sum(char in _ZERO_WIDTH for char in body) >= _FEW_JOINERS,
        "tag_characters": any(ord(char) in _TAGS for char in body),
    }
    return [name for name, there in found.items() if there]


def superscript(text: str) -> str | None:
    """The text in raised characters (m³, 10⁻³), or None if one of them has none."""
    raised = text.translate(_SUPERSCRIPT)
    return raised if all(a != b for a, b in zip(text, raised, strict=True)) else None


def join_lines(before: str, after: str, words: AbstractSet[str]) -> tuple[str, str]:
    """How a printed line goes on in the next one: the text before, and the glue.

    A word broken by a hyphen is put together again. The hyphen stays when the document
    writes the word with it elsewhere (`words` holds its unbroken words, lower case), when
    both halves are words of the document, after a digit, and before a capital letter.
    """
    if before.endswith(SOFT_HYPHEN):
        return before.rstrip(SOFT_HYPHEN), ""
    if before.endswith(_HYPHENS):
        tail, head = _TAIL.search(before), _HEAD.match(after)
        if not head:
            return before, "" if after[:1].isdigit() and len(before) > 1 else " "
        if not tail:
            return before, "" if len(before) > 1 and before[-2].isalnum() else " "
        if after[0].isupper():
            return before, ""
        joined, hyphened = (f"{tail[1]}{mark}{head[1]}".lower() for mark in ("", "-"))
        if joined in words:
            return before[:-1], ""
        keep = hyphened in words or _is_compound(tail[1].lower(), head[1].lower(), words)
        return (before, "") if keep else (before[:-1], "")
    if before and after and _unspaced(before[-1]) and _unspaced(after[0]):
        return before, ""
    return before, " "


def words_of(line: str, *, broken: bool = False) -> set[str]:
    """Lower-case words of a line, hyphens inside words kept, without what is half a word.

    That is a last word with a hyphen, and the first one if the line before ended `broken`.
    """
    found = _WORD.findall(line)
    if broken and found and _HEAD.match(line):
        del found[0]
    return {w.lower().replace("\u2010", "-") for w in found if not w.endswith(_HYPHENS)}


def ends_broken(line: str) -> bool:
    """Whether a line ends within a word."""
    return bool(_TAIL.search(line))


def _is_compound(tail: str, head: str, words: AbstractSet[str]) -> bool:
    """Whether both halves are words or parts of compounds, as in high-dimensional."""
    firsts, lasts = _parts(frozenset(words))
    known = (tail in words or tail in firsts) and (head in words or head in lasts)
    return known and len(tail) > 2 and len(head) > 3 and tail not in _SYLLABLES


@lru_cache(8)
def _parts(words: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """First and last parts of the words with hyphens."""
    split = [word.split("-") for word in words if "-" in word]
    return frozenset(p[0] for p in split), frozenset(p[-1] for p in split)


def _visible(char: str) -> bool:
    if char in " \t\f\r":
        return True
    if char == "\ufffd":
        return False
    category = unicodedata.category(char)
    return category not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _unspaced(char: str) -> bool:
    """Whether the script of this character writes no spaces between words."""
    point = ord(char)
    return (
        0x2E80 <= point <= 0x312F
        or 0x3400 <= point <= 0x9FFF
        or 0xF900 <= point <= 0xFAFF
        or 0xFF00 <= point <= 0xFFEF
        or 0x20000 <= point <= 0x3FFFF
    )
