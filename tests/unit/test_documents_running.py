"""What repeats at the edge of pages goes; what only looks as if it did stays."""

import pytest

from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word
from sfta.documents.pdf.running import drop_running_lines

PLACES = (72, 200, 330, 460)


def row(*cells, y=40):
    """A line whose cells begin at fixed places, far apart."""
    words = [
        Word(cell, x, y - 8, x + 5 * len(cell), y + 2, y, 10.0, bold=False, mono=False)
        for cell, x in zip(cells, PLACES, strict=False)
    ]
    return TextLine(tuple(words))


def pages(*rows, body="Body"):
    return [PrintedPage(600, 800, 0, [*lines, row(body, y=400)]) for lines in rows]


def left(found):
    return [[line.text for line in page.lines[:-1]] for page in found]


def test_a_header_on_every_page_goes():
    found = pages(*([row("Manual", f"page {n}")] for n in range(1, 6)))
    assert drop_running_lines(found) == 10
    assert left(found) == [[]] * 5


def test_one_page_with_many_like_pieces_repeats_nothing():
    found = pages([row("12.5", "13.5", "14.5")], [], [], [])
    assert drop_running_lines(found) == 0
    assert left(found)[0] == ["12.5 13.5 14.5"]


def test_other_numbers_at_the_same_height_are_values():
    found = pages(*([row(f"{n}.5", f"{n}.7")] for n in (3, 8, 4, 9)))
    assert drop_running_lines(found) == 0


def test_the_same_number_on_every_page_runs():
    found = pages(*([row("2024-05")] for _ in range(4)))
    assert drop_running_lines(found) == 4


@pytest.mark.parametrize("count", [4, 5])
def test_the_head_of_tables_at_the_upper_edge_stays(count):
    heads = [row("Type", "Top-5", "Top-20", "Top-100") for _ in range(count)]
    found = pages(*([head] for head in heads))
    assert drop_running_lines(found) == 0
    assert left(found) == [["Type Top-5 Top-20 Top-100"]] * count
