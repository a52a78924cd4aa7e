"""Running headers, footers and page numbers: lines that repeat from page to page.

A line runs if it stands near the upper or lower edge, at the same height, with the same
words (digits aside) on several pages, or if it is a page number that counts with the pages.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sfta_edge.documents.pdf.order import rows_of
from sfta_edge.documents.pdf.printed import PrintedPage, TextLine, split_at_gaps

_EDGE_ROWS = 3
_EDGE_GAP_EMS = 3.0
_MARGIN_SHARE = 0.14
_BAND_POINTS = 4.0
_GAP_EMS = 1.5
_MOST_PIECES = 3
"""Of a running row: left, middle, right. A row of more stands in a table."""
_LEAST_PAGES = 3
_LEAST_SHARE = 0.2
_NUMBER = re.compile(
    r"^\W*(?:page|seite|p\.)?\W*(\d{1,4}|[ivxlc]{1,7})\W*(?:(?:of|/|von)\W*\d+)?\W*$",
    re.IGNORECASE,
)

Place = tuple[str, int]
"""Upper or lower edge, and the band of heights."""


def drop_running_lines(pages: Sequence[PrintedPage]) -> int:
    """Take running lines off the pages, in place; return how many pieces went."""
    edges = [_edge_rows(page) for page in pages]
    texts: dict[tuple[Place, str], set[int]] = defaultdict(set)
    for index, rows in enumerate(edges):
        for place, row in rows:
            for piece in row:
                texts[place, _mask(piece)].add(index)
    least = _least_pages(len(pages))
    numbers = _counting(edges)
    dropped = 0
    for index, (page, rows) in enumerate(zip(pages, edges, strict=True)):
        gone: set[int] = set()
        for place, row in rows:
            runs = [_repeats(texts, place, piece) >= least for piece in row]
            for piece, repeated in zip(row, runs, strict=True):
                counted = (index, id(piece)) in numbers
                # Beside a running piece, a chapter name or page number runs with it.
                if repeated or counted or (any(runs) and len(piece.words) <= 8):
                    gone.update(id(word) for word in piece.words)
                    dropped += 1
        page.lines = [line for line in page.lines if not _all_in(line, gone)]
        page.lines = [_without(line, gone) for line in page.lines]
    return dropped


def _edge_rows(page: PrintedPage) -> list[tuple[Place, list[TextLine]]]:
    """The outermost rows of a page inside its margins, cut at wide gaps."""
    height = page.width if page.turn in (90, 270) else page.height
    pieces = [piece for line in page.lines for piece in split_at_gaps(line, _GAP_EMS)]
    rows = [[i for i in row if isinstance(i, TextLine)] for row in rows_of(pieces)]
    upper = [row for row in _cluster(rows) if row[0].y1 < _MARGIN_SHARE * height]
    lower = [row for row in _cluster(rows[::-1]) if row[0].y0 > (1 - _MARGIN_SHARE) * height]
    found = [(_place("top", row), row) for row in upper]
    found += [(_place("bottom", row), row) for row in lower]
    return [(place, row) for place, row in found if len(row) <= _MOST_PIECES]


def _cluster(rows: Sequence[list[TextLine]]) -> list[list[TextLine]]:
    """The first rows up to a wide gap: behind it begins the body."""
    found = list(rows[:1])
    for row in rows[1:_EDGE_ROWS]:
        last = found[-1][0]
        if abs(row[0].baseline - last.baseline) > _EDGE_GAP_EMS * max(last.size, row[0].size):
            break
        found.append(row)
    return found


def _place(edge: str, row: Sequence[TextLine]) -> Place:
    return edge, round(row[0].baseline / _BAND_POINTS)


def _least_pages(pages: int) -> int:
    """Repetitions that make a line a running line; two pages are too few to tell."""
    if pages < _LEAST_PAGES:
        return pages if pages == 2 else 1 << 30
    return max(_LEAST_PAGES, min(8, round(_LEAST_SHARE * pages)))


def _repeats(texts: Mapping[tuple[Place, str], set[int]], place: Place, piece: TextLine) -> int:
    """On how many pages the piece stands at about this height."""
    edge, band = place
    mask = _mask(piece)
    near = (texts.get(((edge, band + step), mask), set()) for step in (-1, 0, 1))
    return len(set().union(*near))


def _mask(piece: TextLine) -> str:
    """The words, whatever their numbers; a number alone is a value and stands for itself."""
    text = " ".join(piece.text.split()).casefold()
    return re.sub(r"\d+", "#", text) if re.search(r"[^\W\d_]", text) else text


def _counting(edges: Sequence[list[tuple[Place, list[TextLine]]]]) -> set[tuple[int, int]]:
    """Pieces that are nothing but a number which grows by one from page to page."""
    offsets: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for index, rows in enumerate(edges):
        for (edge, _), row in rows:
            for piece in row:
                if (value := _page_number(piece.text)) is not None:
                    offsets[(edge, value - index)].append((index, id(piece)))
    return {
        mark
        for marks in offsets.values()
        if len({index for index, _ in marks}) >= min(_LEAST_PAGES, max(2, len(edges)))
        for mark in marks
    }


def _page_number(text: str) -> int | None:
    match = _NUMBER.match(text)
    if not match:
        return None
    return int(match[1]) if match[1].isdigit() else _roman(match[1].lower())


def _roman(text: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}[char] for char in text]
    return sum(
        -value if any(later > value for later in values[index + 1 : index + 2]) else value
        for index, value in enumerate(values)
    )


def _all_in(line: TextLine, gone: set[int]) -> bool:
    return all(id(word) in gone for word in line.words)


def _without(line: TextLine, gone: set[int]) -> TextLine:
    kept = tuple(word for word in line.words if id(word) not in gone)
    return TextLine(kept) if len(kept) < len(line.words) else line
