"""Tells the title of a document from what programs write into its place."""

import re

from sfta_edge.documents.document import Page
from sfta_edge.documents.spelling import clean

_JUNK = re.compile(
    r"^(?:untitled|microsoft (?:word|powerpoint|excel).*|(?:slide|document|title|page) ?\d*"
    r"|(?:powerpoint presentation|workbook|presentation|book ?\d*)"
    r"|.*\.(?:docx?|pptx?|xlsx?|indd|qxd|tex|pdf|rtf|odt|dvi))$",
    re.IGNORECASE,
)
_LONGEST = 300


def usable_title(declared: str) -> str:
    """What a file calls itself, or an empty text if that says nothing about its content."""
    title = " ".join(clean(declared).split())
    return "" if _JUNK.match(title) or len(title) > _LONGEST else title


def first_heading(pages: tuple[Page, ...]) -> str:
    """Text of the first heading, or an empty text."""
    blocks = ((page, block) for page in pages for block in page.blocks)
    return next((p.text[b.start : b.end] for p, b in blocks if b.kind == "heading"), "")
