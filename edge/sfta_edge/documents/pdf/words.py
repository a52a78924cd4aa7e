"""From the characters of a printed line to its words, whatever library found the characters.

A span is a stretch in one font: `size`, `origin`, `flags`, `font` and `chars`, each with `c`,
`bbox` and `origin`, as MuPDF names them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sfta_edge.documents.pdf.accents import composed
from sfta_edge.documents.pdf.printed import Word
from sfta_edge.documents.spelling import SOFT_HYPHEN, clean, invisible, superscript

SUPERSCRIPT = 1
MONOSPACED = 8
BOLD = 16
"""Bits of a span's flags."""
_RAISED_SIZE = 0.85
_RAISED = 0.2


def words_of(spans: Sequence[dict[str, Any]], counts: Counter[str]) -> Iterator[Word]:
    """Words of one line; a word may go on over a change of font."""
    main = max(spans, key=lambda s: s["size"], default=None)
    pending: list[tuple[str, Any, dict[str, Any]]] = []
    for span in spans:
        raised = _raised(span, main or span)
        for char in span["chars"]:
            letter = raised or {}
            text = letter.get(char["c"], char["c"])
            if text.isspace():
                yield from _word(pending, counts)
                pending = []
            else:
                pending.append((text, char, span))
    yield from _word(pending, counts)


def _word(
    chars: Sequence[tuple[str, Any, dict[str, Any]]], counts: Counter[str]
) -> Iterator[Word]:
    chars = composed(chars)
    raw = "".join(text for text, _, _ in chars)
    ends_soft = raw.endswith(SOFT_HYPHEN)
    text = clean(raw).strip()
    counts["invisible_characters"] += invisible(raw)
    counts["unknown_characters"] += raw.count("\ufffd")
    counts["characters"] += len(text)
    if not text:
        return
    boxes = [char["bbox"] for _, char, _ in chars]
    spans = [span for _, _, span in chars]
    main = max(spans, key=lambda span: span["size"])
    yield Word(
        text + (SOFT_HYPHEN if ends_soft else ""),
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
        next(char["origin"][1] for _, char, span in chars if span is main),
        round(main["size"], 1),
        all(_is_bold(span) for span in spans),
        all(bool(span["flags"] & MONOSPACED) for span in spans),
    )


def _is_bold(span: dict[str, Any]) -> bool:
    name = span["font"].lower()
    marked = any(mark in name for mark in ("bold", "black", "heavy", "semibold", "-bd"))
    return marked or bool(span["flags"] & BOLD)


def _raised(span: dict[str, Any], main: dict[str, Any]) -> dict[str, str] | None:
    """Spelling of a superscript span, if all of it can be spelled so."""
    text = "".join(char["c"] for char in span["chars"]).strip()
    if not text or span["size"] >= _RAISED_SIZE * main["size"]:
        return None
    # MuPDF knows a raised span by the one before it, so not at the beginning of a line.
    above = main["origin"][1] - span["origin"][1]
    if not (span["flags"] & SUPERSCRIPT or above > _RAISED * main["size"]):
        return None
    raised = superscript(text)
    return dict(zip(text, raised, strict=True)) if raised else None
