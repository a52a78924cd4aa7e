"""Clean spelling of extracted text: ligatures, spaces, invisible characters, hyphens.

What is written here is what a model learns to quote, so nothing changes a word or a number.
"""

import re
import unicodedata
from collections.abc import Set as AbstractSet

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
# Words that are far more often the first syllable of a broken word than part of a compound.
_SYLLABLES = frozenset[str]().union(
    {"all", "and", "any", "are", "but", "can", "com", "con", "dis", "for", "her"},
    {"his", "its", "not", "our", "pro", "the", "was"},
)
_SUPERSCRIPT = str.maketrans("0123456789+-\u2212=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")


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


def words_of(text: str) -> set[str]:
    """Lower-case words of a line, hyphens inside words kept, without its broken last word."""
    found = re.findall(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*[-\u2010\u00ad]?", text)
    return {w.lower().replace("\u2010", "-") for w in found if not w.endswith(_HYPHENS)}


def _is_compound(tail: str, head: str, words: AbstractSet[str]) -> bool:
    """Whether both halves are words of their own, as in high-dimensional."""
    known = tail in words and head in words
    return known and len(tail) > 2 and len(head) > 3 and tail not in _SYLLABLES


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
