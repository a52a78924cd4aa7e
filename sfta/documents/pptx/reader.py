"""Reads one PowerPoint presentation: a slide is a page, its title a heading.

Shapes come in the order of the file, which is the one a screen reader follows. Speaker notes
follow their slide: who opens the file sees them. Slides and shapes that are hidden or lie
outside the slide are hidden text. Macros, media, comments and embedded files are not looked
at. Pictures are counted; a slide that shows nothing else is listed as unread.
"""

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pptx
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.oxml.ns import qn
from pptx.shapes.connector import Connector
from pptx.shapes.group import GroupShape
from pptx.shapes.picture import Picture

from sfta.documents.archive import check_archive, with_content_type
from sfta.documents.damage import as_damage
from sfta.documents.document import (
    PICTURES_LEFT_OUT,
    Fragment,
    Page,
    PageWriter,
    Parsed,
    Unread,
    UnreadableError,
)
from sfta.documents.media import PPTX
from sfta.documents.parse import ParseOptions
from sfta.documents.pptx.texts import add_chart, add_grid, add_text, all_text
from sfta.documents.titles import first_heading, usable_title

_OTHER_MAIN = (
    rb"application/vnd\.openxmlformats-officedocument\.presentationml\.(?:slideshow|template)"
    rb"\.main\+xml"
    rb"|application/vnd\.ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled"
    rb"\.main\+xml"
)
_MAIN = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_TITLES = frozenset((PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE))
_RUNNING = frozenset((PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.SLIDE_NUMBER,
                      PP_PLACEHOLDER.HEADER))  # fmt: skip
_BODIES = frozenset((PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT))
_DEEPEST_GROUP = 20


def parse_pptx(raw: bytes, options: ParseOptions) -> Parsed:
    """Slides of a PowerPoint presentation.

    Raises:
        UnreadableError: a damaged, encrypted or hostile file, or one of too many slides.
    """
    check_archive(raw, options.unpacked_bytes, office=True)
    with as_damage("PowerPoint presentation"):
        presentation = pptx.Presentation(BytesIO(with_content_type(raw, _OTHER_MAIN, _MAIN)))
        slides = presentation.slides
        if len(slides) > options.most_pages:
            reason = f"it has {len(slides)} slides, more than ingest.limits.pages allows"
            raise UnreadableError("too_large", reason)
        reader = _Reader(presentation, options)
        pages = tuple(reader.slide(number, slide) for number, slide in enumerate(slides, 1))
        title = usable_title(presentation.core_properties.title or "")
    reader.counts["pages_without_text"] = sum(not page.text for page in pages)
    kept = {name: count for name, count in sorted(reader.counts.items()) if count}
    unread = tuple(reader.unread)
    return Parsed(title or first_heading(pages), PPTX, pages, kept, unread=unread)


class _Reader:
    """Writes slides into pages."""

    def __init__(self, presentation: Any, options: ParseOptions) -> None:
        self.counts: Counter[str] = Counter()
        self.unread: list[Unread] = []
        self._options = options
        self._width = presentation.slide_width or 0
        self._height = presentation.slide_height or 0

    def slide(self, number: int, slide: Any) -> Page:
        """The page of one slide; a hidden one is an empty page, so that numbers stay right."""
        page = PageWriter(number)
        if slide.element.get("show", "1") in ("0", "false"):
            self.counts["slides_hidden"] += 1
            page.flag("hidden_text")
            if self._options.drop_hidden:
                return page.page()
        shapes = list(self._shapes(slide.shapes, page, depth=0))
        title = next((shape for shape in shapes if _placeholder(shape) in _TITLES), None)
        if title is not None:
            page.add("heading", [Fragment(all_text(page, title.element))], level=1)
        for shape in shapes:
            if shape is not title:
                self._shape(page, shape)
        self._notes(page, slide)
        made = page.page()
        if not made.text and any(isinstance(shape, Picture) for shape in shapes):
            reason = "it shows pictures only, and pictures in presentations are not read"
            self.unread.append(Unread(number, "no_text", reason))
        return made

    def _shapes(self, shapes: Any, page: PageWriter, *, depth: int) -> Iterator[Any]:
        """Shapes that are shown, those in groups as well."""
        for shape in shapes:
            if self._is_hidden(shape, outermost=depth == 0):
                if _has_text(shape):
                    self.counts["hidden_spans"] += 1
                    page.flag("hidden_text")
                if self._options.drop_hidden:
                    continue
            if self._options.drop_running and _placeholder(shape) in _RUNNING:
                self.counts["running_lines"] += _has_text(shape)
            elif isinstance(shape, GroupShape):
                if depth < _DEEPEST_GROUP:
                    yield from self._shapes(shape.shapes, page, depth=depth + 1)
                else:
                    self.counts["embedded_left_out"] += 1
            else:
                yield shape

    def _shape(self, page: PageWriter, shape: Any) -> None:
        if shape.has_text_frame:
            for body in shape.element.iterchildren(qn("p:txBody")):
                add_text(page, body, items=_placeholder(shape) in _BODIES)
        elif getattr(shape, "has_table", False):
            self.counts["tables"] += add_grid(page, next(shape.element.iter(qn("a:tbl"))))
        elif getattr(shape, "has_chart", False):
            drawn = add_chart(page, shape.chart)
            self.counts["charts" if drawn else "charts_left_out"] += 1
        elif isinstance(shape, Picture):
            self.counts[PICTURES_LEFT_OUT] += 1
        elif not isinstance(shape, Connector):
            self.counts["embedded_left_out"] += 1

    def _notes(self, page: PageWriter, slide: Any) -> None:
        place = slide.notes_slide.notes_placeholder if slide.has_notes_slide else None
        if place is not None:
            for body in place.element.iterchildren(qn("p:txBody")):
                self.counts["notes"] += add_text(page, body, items=False)

    def _is_hidden(self, shape: Any, *, outermost: bool) -> bool:
        """Hidden by name, or nowhere on the slide; places in a group are those of the group."""
        described = next(shape.element.iter(qn("p:cNvPr")), None)
        if described is not None and described.get("hidden") in ("1", "true"):
            return True
        if not outermost or None in (shape.left, shape.top, shape.width, shape.height):
            return False
        if not (self._width and self._height):
            return False
        right, bottom = shape.left + shape.width, shape.top + shape.height
        beside = right < 0 or shape.left > self._width
        return bool(beside or bottom < 0 or shape.top > self._height)


def _placeholder(shape: Any) -> Any | None:
    return shape.placeholder_format.type if shape.is_placeholder else None


def _has_text(shape: Any) -> bool:
    return any((t.text or "").strip() for t in shape.element.iter(qn("a:t")))
