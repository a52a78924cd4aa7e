"""Workbooks: a sheet is a page of tables, with the values that were shown last."""

import datetime as dt
import re
import zipfile
from dataclasses import replace
from io import BytesIO

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.document import UnreadableError
from sfta.documents.parse import ParseOptions, parse
from sfta.documents.xlsx.numbers import shown_value

OPTIONS = ParseOptions()
KEEP = replace(OPTIONS, drop_hidden=False)
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def book():
    return openpyxl.Workbook()


def saved(book):
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def read(book, options=OPTIONS):
    return parse(saved(book), "a.xlsx", options)


def fill(sheet, *rows):
    for row in rows:
        sheet.append(row)
    return sheet


def changed(raw, name, edit):
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(raw)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            new.writestr(entry, edit(content.decode()) if entry == name else content)
    return buffer.getvalue()


def lines(parsed, page=0):
    return parsed.pages[page].text.split("\n")


def reasons(parsed, page=0):
    return [flag.reason for flag in parsed.pages[page].flags]


def test_a_sheet_is_a_page_of_texts_and_tables(book):
    book.active.title = "Limits"
    rows = [["Pressure limits"], ["Pump", "bar"], ["P7", 7], ["P8", 8.5], ["Status 2024"]]
    fill(book.active, *rows, [], ["Code", "Meaning"], ["E|1", "oil\nlow"])
    fill(book.create_sheet("Notes"), ["One line."])
    parsed = read(book)
    assert parsed.pages[0].text == (
        "Limits\n\nPressure limits\n\n| Pump | bar |\n|---|---|\n| P7 | 7 |\n| P8 | 8.5 |\n\n"
        "Status 2024\n\n| Code | Meaning |\n|---|---|\n| E\\|1 | oil low |"
    )
    kinds = [(b.kind, b.header) for b in parsed.pages[0].blocks]
    assert kinds[0] == ("heading", "")
    assert kinds[2] == ("table", "Pump | bar")
    assert [p.number for p in parsed.pages] == [1, 2]
    assert parsed.pages[1].text == "Notes\n\nOne line."
    assert (parsed.title, parsed.counts) == ("Limits", {"tables": 2})


def test_hidden_rows_columns_and_sheets_are_left_out_and_flagged(book):
    sheet = fill(book.active, ["a", "b", "c"], ["d", "secret row", "e"], ["f", "g", "h"])
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["C"].hidden = True
    fill(book.create_sheet("Gone"), ["secret sheet"]).sheet_state = "veryHidden"
    parsed = read(book)
    assert lines(parsed)[2:] == ["| a | b |", "|---|---|", "| f | g |"]
    assert parsed.pages[1].text == ""
    assert (reasons(parsed), reasons(parsed, 1)) == (["hidden_text"], ["hidden_text"])
    counts = {"hidden_spans": 5, "pages_without_text": 1, "sheets_hidden": 1, "tables": 1}
    assert parsed.counts == counts
    kept = read(book, KEEP)
    assert "secret row" in kept.pages[0].text
    assert "secret sheet" in kept.pages[1].text
    assert reasons(kept) == ["hidden_text"]


def test_a_formula_counts_with_the_value_it_showed(book):
    fill(book.active, ["Sum", "Other"], ["=1+1", "=2+2"])
    pattern = r"<f>1\+1</f><v ?(?:/>|></v>)"
    raw = changed(saved(book), SHEET, lambda t: re.sub(pattern, "<f>1+1</f><v>2</v>", t))
    parsed = parse(raw, "a.xlsx", OPTIONS)
    assert lines(parsed)[-1] == "| 2 |  |"
    assert parsed.counts == {"formulas_without_value": 1, "tables": 1}


def test_a_total_below_a_table_stays_in_it_and_a_note_does_not(book):
    rows = [["Pump", "Site", "kW"], ["P7", "A", 7], ["P8", "B", 9], [None, None, 16]]
    fill(book.active, *rows, ["Source: test bench"])
    assert lines(read(book))[-3:] == ["|  |  | 16 |", "", "Source: test bench"]


def test_a_cell_merged_downwards_says_the_same_in_each_row(book):
    sheet = fill(book.active, ["Area", "Unit"], ["North", "A"], [None, "B"], ["South", "C"])
    sheet.merge_cells("A2:A3")
    assert lines(read(book))[-3:] == ["| North | A |", "| North | B |", "| South | C |"]


def test_a_merge_of_the_whole_sheet_costs_nothing(book):
    fill(book.active, ["a", "b"], ["c", "d"])
    merges = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    raw = changed(
        saved(book), SHEET, lambda t: t.replace("</sheetData>", f"</sheetData>{merges}")
    )
    assert lines(parse(raw, "a.xlsx", OPTIONS))[-1] == "| c | d |"


def test_a_sheet_that_claims_to_be_huge_is_as_large_as_its_cells(book):
    fill(book.active, ["a", "b"], ["c", "d"])
    raw = changed(saved(book), SHEET, lambda t: t.replace('ref="A1:B2"', 'ref="A1:XFD1048576"'))
    assert len(lines(parse(raw, "a.xlsx", OPTIONS))) == 5


def test_a_row_that_no_sheet_has_is_damage(book):
    fill(book.active, ["a", "b"], ["c", "d"])
    raw = changed(saved(book), SHEET, lambda t: t.replace('<row r="2"', '<row r="2000000000"'))
    with pytest.raises(UnreadableError, match="a row 2000000000") as refused:
        parse(raw, "a.xlsx", OPTIONS)
    assert refused.value.code == "damaged"


def test_more_text_than_the_limit_is_refused_while_it_is_read(book):
    fill(book.active, ["word " * 30, "word " * 30])
    with pytest.raises(UnreadableError, match="more text") as refused:
        read(book, replace(OPTIONS, most_pages=1, page_characters=100))
    assert refused.value.code == "too_large"


def test_too_many_sheets_are_refused(book):
    book.create_sheet("b")
    with pytest.raises(UnreadableError, match="it has 2 sheets"):
        read(book, replace(OPTIONS, most_pages=1))


def test_a_chart_sheet_is_counted(book):
    fill(book.active, ["text"])
    book.create_chartsheet("Chart").add_chart(openpyxl.chart.BarChart())
    assert read(book).counts == {"charts_left_out": 1, "pages_without_text": 1}


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (None, "General", ""),
        (True, "General", "TRUE"),
        (7, "General", "7"),
        (0.1 + 0.2, "General", "0.3"),
        (12345678901234567890, "General", "12345678901234567890"),
        (0.256, "0%", "26%"),
        (0.256, "0.0%", "25.6%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234.5, '"EUR" #,##0.00_);[Red]-0', "1,234.50"),
        (1.5, "0.00E+00", "1.5"),
        (1234567, "0.0,,", "1234567"),
        (1.5, "# ?/?", "1.5"),
        (2, '"text only"', "2"),
        (1.25, "0.0##", "1.25"),
        (1.5, "", "1.5"),
        (dt.datetime.fromisoformat("2024-05-01"), "yyyy", "2024-05-01"),
        (dt.datetime.fromisoformat("2024-05-01 09:30"), "yyyy", "2024-05-01 09:30:00"),
        (dt.date(2024, 5, 1), "yyyy", "2024-05-01"),
        (dt.time(9, 30), "h:mm", "09:30:00"),
        (dt.timedelta(hours=30), "[h]", "1 day, 6:00:00"),
    ],
)
def test_values_are_shown_as_their_format_says(value, number_format, shown):
    assert shown_value(value, number_format) == shown


@given(st.one_of(st.integers(), st.floats()), st.text('0#?.,%;"E+- []/\\', max_size=12))
def test_any_number_format_shows_any_number(value, number_format):
    assert shown_value(value, number_format)
