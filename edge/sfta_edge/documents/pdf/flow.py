"""How the columns of a page become one text.

A sentence goes on at the top of the next column, also where a table or a figure stands between
its halves. Footnotes go to the end of the page: they belong to a word, not to their place.
"""

import re
from collections.abc import Sequence

from sfta_edge.documents.pdf.figures import Figure
from sfta_edge.documents.pdf.groups import SIZE_POINTS, Group, Lines, Typography, ends_sentence
from sfta_edge.documents.pdf.tables import Note, Table
from sfta_edge.documents.spelling import SOFT_HYPHEN

_CAPTION = re.compile(
    r"^(?:table|figure|fig\.|chart|diagram|listing|box|scheme|plate|exhibit|tabelle|abbildung"
    r"|abb\.|bild)(?:\s*\d+|(?:\s+|(?<=\.))[A-Z]\d*)(?:[.\-]\d+)*\s*(?:[:.\u2013\u2014|]|-\s|$)",
    re.IGNORECASE,
)
_CAPTION_CHARACTERS = 300
_FOOTNOTE = re.compile(r"^(?:[⁰¹²³⁴-⁹]+|[*∗†‡§¶]+|\d{1,3}(?=[A-Z]))\s?\S")
_SMALLER_POINTS = 0.8


def is_caption(text: str) -> bool:
    """Whether a text names a table or a figure, as in ``Table 3: Fault codes``."""
    return bool(_CAPTION.match(text)) and len(text) < _CAPTION_CHARACTERS


def in_order(columns: Sequence[list[Group]], style: Typography) -> list[Group]:
    """Groups of the columns of one page, in reading order."""
    groups: list[Group] = []
    notes: list[Group] = []
    for column in columns:
        body = list(column)
        cut = len(body)
        while cut and _is_footnote(body[cut - 1], style):
            cut -= 1
        for note in body[cut:]:
            if isinstance(note, Lines):
                # An asterisk that marks a note is no bullet.
                note.marker = ""
                notes.append(note)
        del body[cut:]
        _join(groups, body)
        groups += body
    return groups + notes


def _join(groups: list[Group], body: list[Group]) -> None:
    """Move the rest of a sentence that the next column begins with to its beginning."""
    before = next((g for g in reversed(groups) if not _is_float(g)), None)
    at = next((n for n, g in enumerate(body) if not _is_float(g)), len(body))
    if at == len(body) or before is None or not _goes_on(before, body[at]):
        return
    tail = body.pop(at)
    if isinstance(before, Lines) and isinstance(tail, Lines):
        before.lines.extend(tail.lines)


def _goes_on(head: Group, tail: Group) -> bool:
    """Whether a paragraph of one column goes on at the top of the next."""
    if not (isinstance(head, Lines) and isinstance(tail, Lines)):
        return False
    if tail.marker or tail.contents or head.contents:
        return False
    last, first = head.lines[-1], tail.first
    if abs(last.size - first.size) > SIZE_POINTS or last.bold or first.bold:
        return False
    starts_low = first.text[:1].islower()
    return not ends_sentence(last.text) and (
        starts_low or last.text.endswith(("-", SOFT_HYPHEN))
    )


def _is_float(group: Group) -> bool:
    """A table or a figure, or the caption of one."""
    if isinstance(group, Lines):
        return is_caption(group.text)
    return isinstance(group, Table | Figure | Note)


def _is_footnote(group: Group, style: Typography) -> bool:
    """A paragraph below a column, smaller than the running text, that begins with a mark."""
    if not isinstance(group, Lines) or group.contents:
        return False
    small = group.first.size <= style.body_size - _SMALLER_POINTS
    return small and bool(_FOOTNOTE.match(group.text))
