"""Finds personal data by deterministic patterns, and replaces it by what kind it was.

Numbers count only with their check digits, so that part numbers and readings stay. A name or
a street has no pattern: for those an analyser with a model is needed, see `ingest.redaction`.
Every pattern is bounded: no text takes longer than its length times a constant.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from sfta.documents import identifiers
from sfta.documents.document import Page
from sfta.documents.edits import Edit

Finding = tuple[int, int, str]
"""Start, end and kind."""
Find = Callable[[str], Sequence[Finding]]

_FILLER = "\x1f"
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-])")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE = re.compile(
    r"(?:(?<!\+)\+|(?<!\w)(?<!\d[ -])00)[1-9](?:[ ./()-]{0,2}\d){6,14}(?!\w)"
    r"|(?<![\w-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])"
)
_LABELLED_PHONE = re.compile(
    r"\b(?:tel|telephone|phone|mobile|cell|fax|telefon|telefax|mobil|handy|tél|téléphone)\b"
    r"[.:\s]{0,3}(?:no\.?|number|nr\.?)?[.:\s]{0,3}(?P<number>[(+]?\d(?:[ ./()-]{0,2}\d){5,14})",
    re.IGNORECASE,
)
_NATIONAL: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"), bool),
    (
        re.compile(
            r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
            r" ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"
        ),
        bool,
    ),
    (
        re.compile(r"(?<![\w.,-])[1-9]\d(?: ?\d{3}){3}(?![\w-])"),
        identifiers.is_german_tax_id,
    ),
    (
        re.compile(
            r"(?<!\w)[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?!\w)",
        ),
        identifiers.is_french_number,
    ),
    (
        re.compile(r"\b(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]\b"),
        identifiers.is_spanish_number,
    ),
    (
        re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b"),
        identifiers.is_italian_code,
    ),
    (
        re.compile(r"(?<!\w)756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}(?!\w)"),
        identifiers.is_swiss_number,
    ),
    (re.compile(r"(?<![\w.,-])\d{11}(?![\w-])"), identifiers.is_polish_number),
)


def find_personal(text: str) -> list[Finding]:
    """Stretches of personal data in order; where two kinds overlap the surer one counts."""
    found: list[Finding] = []
    rest = text
    # What a longer number hid may be free now, so it ends when a search finds nothing new.
    while new := _apart(_candidates(rest)):
        found += new
        for start, end, _ in new:
            rest = rest[:start] + _FILLER * (end - start) + rest[end:]
    return sorted(found)


def redactions(page: Page, find: Find) -> list[Edit]:
    """Edits that put ``[KIND]`` in place of each finding on a page."""
    return [Edit(start, end, f"[{kind}]", kind) for start, end, kind in find(page.text)]


def redacted_text(text: str, find: Find, counts: Counter[str]) -> str:
    """A text beside the pages (a title, column names) with each finding replaced."""
    pieces: list[str] = []
    at = 0
    for start, end, kind in find(text):
        pieces += [text[at:start], f"[{kind}]"]
        counts[kind] += 1
        at = end
    return "".join([*pieces, text[at:]])


def with_clean_headers(page: Page, find: Find, counts: Counter[str]) -> Page:
    """The page with personal data taken out of the column names its blocks repeat."""
    blocks = tuple(
        replace(b, header=redacted_text(b.header, find, counts)) if b.header else b
        for b in page.blocks
    )
    return replace(page, blocks=blocks)


def _apart(candidates: Iterable[Finding]) -> list[Finding]:
    """Candidates that overlap none before them."""
    found: list[Finding] = []
    for start, end, kind in candidates:
        if all(end <= other[0] or other[1] <= start for other in found):
            found.append((start, end, kind))
    return found


def _candidates(text: str) -> Iterator[Finding]:
    """From the surest kind to the least sure one."""
    yield from _matches("EMAIL", _EMAIL, text)
    for match in _IBAN.finditer(text):
        if length := identifiers.iban_length(match[0]):
            yield match.start(), match.start() + length, "IBAN"
    yield from _matches("CREDIT_CARD", _CARD, text, identifiers.is_card)
    for pattern, is_one in _NATIONAL:
        yield from _matches("NATIONAL_ID", pattern, text, is_one)
    yield from _matches("IP_ADDRESS", _IPV4, text, _is_address)
    yield from _matches("IP_ADDRESS", _IPV6, text, _is_address)
    yield from _matches("PHONE", _PHONE, text)
    for match in _LABELLED_PHONE.finditer(text):
        yield match.start("number"), match.end("number"), "PHONE"


def _matches(
    kind: str, pattern: re.Pattern[str], text: str, is_one: Callable[[str], bool] = bool
) -> Iterator[Finding]:
    return ((m.start(), m.end(), kind) for m in pattern.finditer(text) if is_one(m[0]))


def _is_address(text: str) -> bool:
    """An address of some machine: no mask, no loopback, no numbering like 4.2.1.3."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    if address.version == 4:
        return not text.startswith("255.") and any(len(part) > 1 for part in text.split("."))
    # Words of hex letters between colons, as in `dead::beef`, name things in programs.
    return any(char.isdigit() for char in text)
