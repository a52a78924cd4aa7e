"""How each kind of group is written as a block, on one page and over several."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.pdf.blocks import Pages
from sfta.documents.pdf.figures import Figure
from sfta.documents.pdf.glyphs import PrintedPage, TextLine, Word
from sfta.documents.pdf.grouping import Lines, Typography
from sfta.documents.pdf.headings import Headings, Outline
from sfta.documents.pdf.tables import Note, Table, markdown_row, rule_row
from sfta.documents.spelling import SOFT_HYPHEN

CHAR = 5.0  # every letter is this wide in these tests
STYLE = Typography(10.0, mono_body=False, leading={10.0: 14.0}, words=frozenset())


def line(text, x=72.0, y=100.0, *, size=10.0, bold=False, mono=False):
    words = []
    for piece in text.split():
        box = (x, y - 8, x + CHAR * len(piece), y + 2)
        words.append(Word(piece, *box, y, size, bold, mono))
        x += CHAR * (len(piece) + 1)
    return TextLine(tuple(words))


def item(text, x=72.0, y=100.0):
    return Lines([line(text, x, y)], marker=text.split()[0], gap=1.0)


def paragraph(*texts, **style):
    return Lines([line(t, y=100 + 14.0 * n, **style) for n, t in enumerate(texts)], gap=2.0)


def table(*rows, x1=300.0, headed=True):
    boxes = tuple((72.0, 20.0 * n, x1, 20.0 * n + 20) for n in range(len(rows)))
    return Table(72.0, 0.0, x1, 20.0 * len(rows), rows, boxes, headed)


def write(*pages, toc=()):
    """Blocks of each page as (kind, level, text)."""
    outline = Outline.of(list(toc))
    lines = [(n, [g for g in p if isinstance(g, Lines)]) for n, p in enumerate(pages, 1)]
    writer = Pages(STYLE, Headings.of(lines, outline, STYLE))
    made = [
        writer.write(n, PrintedPage(600.0, 800.0, 0, []), groups)
        for n, groups in enumerate(pages, 1)
    ]
    return [[(b.kind, b.level, p.text[b.start : b.end]) for b in p.blocks] for p in made], made


def only(*groups, **options):
    (blocks,), _ = write(groups, **options)
    return blocks


# How blocks are written


def test_soft_hyphens_inside_and_at_the_end_of_a_paragraph_go():
    made = paragraph(f"the com{SOFT_HYPHEN}pressor, the ro{SOFT_HYPHEN}", f"tor{SOFT_HYPHEN}")
    assert only(made) == [("paragraph", 0, "the compressor, the rotor")]


@pytest.mark.parametrize(
    "text",
    [
        "Table 3: Limits",
        "Fig. 2.1 – Flow",
        "Abbildung 4: Plan",
        "FIGURE A1. Parts",
        "Fig.A1",
        "Box 7",
    ],
)
def test_a_named_and_numbered_line_is_a_caption(text):
    assert only(paragraph(text)) == [("caption", 0, text)]


@pytest.mark.parametrize("text", ["Table 3 shows the limits", "Figure skating: fun"])
def test_a_sentence_about_a_table_is_no_caption(text):
    assert only(paragraph(text)) == [("paragraph", 0, text)]


def test_items_are_indented_by_where_they_stand():
    made = [
        item("• a", 72),
        item("• b", 90),
        item("• c", 108),
        item("• d", 90),
        item("• e", 72),
    ]
    assert only(*made) == [("list", 0, "- a\n  - b\n    - c\n  - d\n- e")]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_no_item_is_more_than_one_level_below_the_item_before(places):
    ((_, _, text),) = only(*(item("• a", 72 + 20.0 * p) for p in places))
    depths = [(len(row) - len(row.lstrip())) // 2 for row in text.split("\n")]
    assert depths[0] == 0
    assert all(b <= a + 1 for a, b in pairwise(depths))
    assert len(depths) == len(places)


def test_a_numbering_that_starts_again_is_another_list():
    made = [item("1. a"), item("2. b"), item("1. c"), item("2. d")]
    assert only(*made) == [("list", 0, "1. a\n2. b"), ("list", 0, "1. c\n2. d")]


def test_a_numbering_inside_an_item_does_not_end_the_list():
    made = [item("1. a"), item("2. b"), item("1. c", 100), item("3. d")]
    assert only(*made) == [("list", 0, "1. a\n2. b\n  1. c\n3. d")]


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        ("Start .......... 7", "Start … 7"),
        ("Start ____ 7", "Start … 7"),
        ("4.2 Start 7", "4.2 Start … 7"),
        ("Start … … … 7", "Start … 7"),
    ],
)
def test_leaders_of_the_contents_become_one_sign(printed, written):
    assert only(Lines([line(printed)], contents=True)) == [("list", 0, written)]


def test_code_keeps_its_indents_as_counted_in_characters():
    texts = [("if ready:", 72.0), ("start()", 92.0), ("stop()", 72.0)]
    lines = [line(t, x, 100 + 14.0 * n, mono=True) for n, (t, x) in enumerate(texts)]
    assert only(Lines(lines)) == [("code", 0, "if ready:\n    start()\nstop()")]


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("WARNING", "WARNING: Hot."),
        ("Tip", "Tip Hot."),
        ("N", "N Hot."),
        ("IP 54", "IP 54 Hot."),
    ],
)
def test_only_a_signal_word_in_capitals_gets_a_colon(label, written):
    made = Note(0, 0, 300, 20, ((line(label),), (line("Hot.", 150),)))
    assert only(made) == [("paragraph", 0, written)]


def test_a_note_without_a_label_is_its_text():
    assert only(Note(0, 0, 300, 20, ((line("WARNING"),),))) == [("paragraph", 0, "WARNING")]


def test_labels_of_a_drawing_are_one_line_each():
    labels = ((line("Oil", y=100), line("cooler", y=109)), (line("Pump", y=150),))
    assert only(Figure(0, 0, 300, 200, labels)) == [("caption", 0, "Oil cooler\nPump")]


@pytest.mark.parametrize("text", ["Tables", "Figures", "Charts", "Boxes", "Plates."])
def test_a_title_in_the_plural_is_no_caption(text):
    assert only(paragraph(text)) == [("paragraph", 0, text)]


def test_sideways_text_comes_last():
    writer = Pages(STYLE, Headings.of([], Outline.of([]), STYLE))
    printed = PrintedPage(600.0, 800.0, 0, [], sideways=[line("margin label")])
    assert writer.write(1, printed, [paragraph("body")]).text == "body\n\nmargin label"


# Tables over pages

NAMES, FIRST, SECOND = ("Code", "Action"), ("E-1", "fill"), ("E-2", "stop")


def headers(*pages):
    _, made = write(*pages)
    return [[b.header for b in page.blocks if b.kind == "table"] for page in made]


def test_a_table_that_goes_on_is_named_without_a_rule_of_its_own():
    blocks, made = write([table(NAMES, FIRST)], [table(SECOND, FIRST)])
    assert blocks[0][0][2] == "| Code | Action |\n|---|---|\n| E-1 | fill |"
    assert blocks[1][0][2] == "| E-2 | stop |\n| E-1 | fill |"
    assert [page.blocks[0].header for page in made] == ["Code | Action"] * 2


@pytest.mark.parametrize(
    "between",
    [
        [paragraph("Some words.")],
        [table(("a", "b"), ("c", "d"), x1=500.0)],
        [table(("a", "b", "c"), ("d", "e", "f"))],
        [table(("a", "b"), ("c", "d"), headed=False)],
        [],
    ],
    ids=["text", "another width", "another number of columns", "no names", "an empty page"],
)
def test_what_stands_between_two_tables_ends_the_first(between):
    found = headers([table(NAMES, FIRST)], between, [table(SECOND, FIRST)])
    assert found[-1] == ["E-2 | stop"]


@given(st.integers(1, 8))
def test_column_names_are_carried_over_any_number_of_pages(count):
    found = headers([table(NAMES, FIRST)], *([table(SECOND, FIRST)] for _ in range(count)))
    assert found == [["Code | Action"]] * (count + 1)


@given(st.lists(st.text("ab |", max_size=6), min_size=1, max_size=6))
def test_a_row_has_as_many_bars_as_its_rule_whatever_its_cells_hold(cells):
    row = markdown_row(cells)
    assert row.replace("\\|", "").count("|") == rule_row(len(cells)).count("|")
