"""From printed pages to the pages of a document: order, paragraphs, headings, blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfta_edge.documents.document import Box, Page
from sfta_edge.documents.pdf.blocks import Pages
from sfta_edge.documents.pdf.figures import take_figures
from sfta_edge.documents.pdf.grouping import group
from sfta_edge.documents.pdf.groups import Group, Lines, Typography
from sfta_edge.documents.pdf.headings import Headings, Outline
from sfta_edge.documents.pdf.loose import with_loose_tables
from sfta_edge.documents.pdf.order import columns
from sfta_edge.documents.pdf.printed import PrintedPage
from sfta_edge.documents.pdf.tables import Note, Table
from sfta_edge.documents.titles import first_heading


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One page as it was found."""

    number: int
    printed: PrintedPage
    taken: list[Table | Note]
    places: list[Box]
    """Of drawings and pictures."""


def compose(
    found: Sequence[FoundPage], outline: Outline, *, tables: bool
) -> tuple[list[Page], str]:
    """Clean pages, and the first heading of the document."""
    style = Typography.of([page.printed for page in found])
    grouped: list[list[Group]] = []
    for page in found:
        figures = take_figures(page.printed, page.places, style.body_size)
        found_columns = columns([*page.printed.lines, *page.taken, *figures])
        if tables:
            found_columns = [with_loose_tables(column) for column in found_columns]
        grouped.append(group(found_columns, style))
    texts = [
        (page.number, [g for g in groups if isinstance(g, Lines)])
        for page, groups in zip(found, grouped, strict=True)
    ]
    headings = Headings.of(texts, outline, style)
    writer = Pages(style, headings)
    pages = [
        writer.write(page.number, page.printed, groups)
        for page, groups in zip(found, grouped, strict=True)
    ]
    return pages, first_heading(tuple(pages))
