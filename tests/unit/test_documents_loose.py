"""Tables without rules are found by their alignment, and prose is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import Line
from sfta.documents.parse import ParseOptions, parse
from sfta.documents.pdf.glyphs import TextLine, Word
from sfta.documents.pdf.loose import with_loose_tables
from sfta.documents.pdf.order import Column
from sfta.documents.pdf.tables import Table

CHAR = 5.0
PLACES = (72, 230, 330, 430)


def words(text, x, y, *, bold=False):
    found = []
    for piece in text.split():
        found.append(Word(piece, x, y - 8, x + CHAR * len(piece), y + 2, y, 10.0, bold, False))
        x += CHAR * (len(piece) + 1)
    return found


def row(*cells, y, places=PLACES, bold=False):
    """A line whose cells begin at fixed places; an empty cell leaves its place free."""
    pairs = zip(cells, places, strict=False)
    return TextLine(tuple(w for cell, x in pairs for w in words(cell, x, y, bold=bold)))


def rows(*texts, start=100, step=14, **style):
    return [row(*cells, y=start + step * n, **style) for n, cells in enumerate(texts)]


def found_in(lines):
    return with_loose_tables(Column(tuple(lines))).items


MOTOR = (
    ("Motor power", "220 kW", "IE4"),
    ("Rated current", "372 A", "at 400 V"),
    ("Speed", "1,485 rpm", "50 Hz"),
)


def test_aligned_lines_are_a_table_with_a_box_per_row():
    lines = rows(*MOTOR)
    (table,) = found_in(lines)
    assert isinstance(table, Table)
    assert table.rows == MOTOR
    assert table.boxes == tuple((i.x0, i.y0, i.x1, i.y1) for i in lines)
    assert (table.x0, table.y0) == (72, 92)


def test_words_above_numbers_name_the_columns():
    (table,) = found_in(rows(("Type", "Power", "Grade"), *MOTOR[:2], ("Fan", "2 kW", "IE2")))
    assert table.headed
    assert table.rows[0] == ("Type", "Power", "Grade")


def test_a_first_row_with_numbers_names_nothing():
    (table,) = found_in(rows(*MOTOR))
    assert not table.headed


def test_a_bold_first_row_names_the_columns():
    head = row("Lamp", "Signal", "Meaning", y=86, bold=True)
    body = rows(
        ("Trip", "red", "stopped"), ("Warning", "amber", "runs"), ("Service", "blue", "due")
    )
    (table,) = found_in([head, *body])
    assert table.headed


def test_a_name_over_two_columns_stands_over_the_first_of_them():
    head = row("Set", "Train", "", "Test", y=86)
    body = rows(("NQ", "79", "58", "36"), ("WQ", "34", "24", "20"), ("TQ", "78", "60", "11"))
    (table,) = found_in([head, *body])
    assert table.rows[0] == ("Set", "Train", "", "Test")


def test_missing_cells_are_empty():
    (table,) = found_in(rows(*MOTOR, ("Sound", "", "74 dB")))
    assert table.rows[-1] == ("Sound", "", "74 dB")


def test_lines_around_a_table_stay_where_they_are():
    before = TextLine(tuple(words("Some text stands before the table", 72, 60)))
    after = TextLine(tuple(words("and some text stands behind it", 72, 200)))
    items = found_in([before, *rows(*MOTOR), after])
    assert items[0] is before
    assert isinstance(items[1], Table)
    assert items[2] is after


def test_tables_far_from_each_other_are_two():
    items = found_in([*rows(*MOTOR), *rows(*MOTOR, start=400)])
    assert [type(item) for item in items] == [Table, Table]


@pytest.mark.parametrize(
    "lines",
    [
        rows(*MOTOR[:2]),
        [TextLine(tuple(words("plain words of one line", 72, 100 + 14 * n))) for n in range(5)],
        rows(("1.", "Press the key"), ("2.", "Wait"), ("3.", "Read"), places=(72, 90)),
        rows(("1 About", "2"), ("2 Start", "5"), ("3 Stop", "9"), places=(72, 500)),
        [
            row("left " * (n + 2), "right", y=100 + 14 * n, places=(72, 150 + 25 * n))
            for n in range(4)
        ],
        rows(*[("word " * 14, "word " * 13)] * 4, places=(72, 450)),
    ],
    ids=["two rows", "prose", "steps", "contents", "ragged gaps", "two texts"],
)
def test_other_lines_stay_lines(lines):
    assert list(found_in(lines)) == lines


CELLS = st.sampled_from(["", "oil", "4.2 bar", "E-101", "no flow"])


@given(st.lists(st.tuples(st.just("key"), CELLS, CELLS), min_size=1, max_size=8))
def test_no_word_is_lost_or_moved(cells):
    lines = rows(*cells)
    kept = []
    for item in found_in(lines):
        texts = item.rows if isinstance(item, Table) else [(item.text,)]
        kept.extend(" ".join(cell for cell in row if cell) for row in texts)
    assert kept == [line.text for line in lines]


def test_a_table_of_a_file_reads_as_rows_in_its_place():
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 80), "The motor has these values.")
        for n, cells in enumerate((("Item", "Value", "Note"), *MOTOR)):
            for x, cell in zip(PLACES, cells, strict=False):
                page.insert_text((x, 120 + 15 * n), cell, fontsize=10)
        raw = document.tobytes()
    page = parse(raw, "a.pdf", ParseOptions()).pages[0]
    assert page.text == (
        "The motor has these values.\n\n"
        "| Item | Value | Note |\n|---|---|---|\n"
        "| Motor power | 220 kW | IE4 |\n"
        "| Rated current | 372 A | at 400 V |\n"
        "| Speed | 1,485 rpm | 50 Hz |"
    )
    assert page.blocks[1].header == "Item | Value | Note"
    speed = next(i for i in page.lines if page.text[i.start : i.end].startswith("| Speed"))
    assert isinstance(speed, Line)
    assert 150 < speed.y0 < speed.y1 < 175
    plain = parse(raw, "a.pdf", ParseOptions(tables=False)).pages[0]
    assert "|" not in plain.text


def test_dots_that_lead_to_a_value_make_a_table():
    texts = ["Weight ........ 12 kg", "Power.................. 3.5 kW", "Noise ..... 71 dB(A)"]
    lines = []
    for number, text in enumerate(texts):
        name, value = text.split(".", 1)[0].strip(), text.rpartition(". ")[2]
        y = 100 + 14 * number
        dots = words("." * 20, 72 + CHAR * len(name), y)
        lines.append(TextLine((*words(name, 72, y), *dots, *words(value, 300, y))))
    (table,) = found_in(lines)
    assert table.rows == (("Weight", "12 kg"), ("Power", "3.5 kW"), ("Noise", "71 dB(A)"))


def test_dots_inside_of_one_word_are_cut_out():
    lines = [
        TextLine(tuple(words(f"{name}{'.' * 30}{value}", 72, 100 + 14 * n)))
        for n, (name, value) in enumerate(
            [("Australia", "a.org"), ("Austria", "b.org"), ("Japan", "c.org")]
        )
    ]
    (table,) = found_in(lines)
    assert [row[0] for row in table.rows] == ["Australia", "Austria", "Japan"]
    assert [row[-1] for row in table.rows] == ["a.org", "b.org", "c.org"]


def test_a_label_between_two_rows_belongs_to_the_first():
    label = row("Single", y=107)
    lines = [
        row("None", "BM25", "59.1", y=80),
        row("", "DPR", "78.4", y=102),
        label,
        row("", "Both", "76.6", y=114),
    ]
    (table,) = found_in(lines)
    assert table.rows == (
        ("None", "BM25", "59.1"),
        ("Single", "DPR", "78.4"),
        ("", "Both", "76.6"),
    )


def ends_at(x, name, value, y):
    """A line with a name at the left margin and a value that ends at x."""
    return TextLine((*words(name, 72, y), *words(value, x - CHAR * len(value), y)))


def test_values_at_a_common_right_edge_make_a_table_of_two_columns():
    pairs = [
        ("Society", "the-long-name-of-a-society.example.org"),
        ("Association of the makers of pumps", "pumps.org"),
        ("Council", "council.org.au"),
    ]
    lines = [ends_at(400, *pair, 100 + 14 * n) for n, pair in enumerate(pairs)]
    (table,) = found_in(lines)
    assert table.rows == tuple(pairs)


def test_values_without_a_common_edge_make_none():
    pairs = [
        ("Society", "the-long-name-of-a-society.example.org"),
        ("Association of the makers of pumps", "pumps.org"),
        ("Council", "council.org.au"),
    ]
    lines = [ends_at(400 - 9 * n, *pair, 100 + 14 * n) for n, pair in enumerate(pairs)]
    assert list(found_in(lines)) == lines
