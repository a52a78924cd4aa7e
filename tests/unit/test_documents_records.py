"""CSV, TSV and JSON: records keep their names, their order and every digit."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.csv import ROWS_PER_PAGE
from sfta.documents.document import UnreadableError
from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()


def read(text, name, options=OPTIONS):
    return parse(text if isinstance(text, bytes) else text.encode(), name, options)


def lines(parsed, page=0):
    return parsed.pages[page].text.split("\n")


def blocks(parsed, page=0):
    text = parsed.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in parsed.pages[page].blocks]


TABLE = ["| Code | Meaning |", "|---|---|", "| E-1 | oil, low |"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('Code,Meaning\nE-1,"oil, low"\n', "a.csv"),
        ("Code;Meaning\r\nE-1;oil, low\r\n", "a.csv"),
        ("Code\tMeaning\nE-1\toil, low\n", "a.csv"),
        ("Code\tMeaning\nE-1\toil, low\n", "a.tsv"),
        ("Code|Meaning\nE-1|oil, low\n", "a.csv"),
        ("sep=;\nCode;Meaning\nE-1;oil, low\n", "a.csv"),
        ('Code,Meaning\n\n,\nE-1,"oil,\n low"\n', "a.csv"),
        ("\ufeffCode;Meaning\nE-1;oil, low", "a.csv"),
    ],
    ids=["comma", "semicolon", "tab", "tsv", "bar", "declared", "line ends", "mark"],
)
def test_a_table_is_read_whatever_parts_its_fields(text, name):
    parsed = read(text, name)
    assert lines(parsed) == TABLE
    assert parsed.pages[0].blocks[0].header == "Code | Meaning"
    assert parsed.counts == {"records": 1, "tables": 1}


def test_a_long_table_goes_on_with_its_column_names_on_the_next_page():
    rows = "".join(f"{n},row {n}\n" for n in range(ROWS_PER_PAGE + 1))
    parsed = read("Number,Text\n" + rows, "a.csv")
    assert [page.number for page in parsed.pages] == [1, 2]
    assert parsed.pages[1].text == f"| {ROWS_PER_PAGE} | row {ROWS_PER_PAGE} |"
    assert parsed.pages[1].blocks[0].header == "Number | Text"


def test_a_header_alone_is_text():
    assert lines(read("Code,Meaning\n", "a.csv")) == ["Code Meaning"]


def test_a_field_that_never_ends_is_damage():
    with pytest.raises(UnreadableError, match="field larger") as refused:
        read('a,b\n"' + "x" * (1 << 21), "a.csv")
    assert refused.value.code == "damaged"


def test_a_foreign_encoding_of_a_table_is_detected():
    text = "Größe;Länge;Übergröße\n" + "größer;länger;über\n" * 9
    parsed = read(text.encode("cp1252"), "a.csv")
    assert lines(parsed)[0] == "| Größe | Länge | Übergröße |"
    assert parsed.counts["encoding_guessed"] == 1


cells = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(cells, cells), min_size=2, max_size=8))
@settings(max_examples=50)
def test_rows_come_back_as_they_were_written(rows):
    parsed = read("".join(f"{a}\t{b}\n" for a, b in rows), "a.tsv")
    assert lines(parsed)[2:] == [f"| {a} | {b} |" for a, b in rows[1:]]


def test_an_object_becomes_headings_lines_and_tables():
    value = {
        "title": "Pump P7",
        "power": 7.50,
        "sealed": True,
        "note": None,
        "colours": ["red", "green"],
        "limits": {"pressure": "8 bar"},
        "codes": [{"code": "E-1", "meaning": "oil"}, {"code": "E-2"}],
        "text": "First line.\nSecond line.",
    }
    parsed = read(json.dumps(value), "a.json")
    assert blocks(parsed) == [
        ("heading", 1, "Pump P7"),
        ("list", 0, "power: 7.5\nsealed: true\ncolours: red, green"),
        ("heading", 2, "limits"),
        ("list", 0, "pressure: 8 bar"),
        ("heading", 2, "codes"),
        ("table", 0, "| code | meaning |\n|---|---|\n| E-1 | oil |\n| E-2 |  |"),
        ("heading", 2, "text"),
        ("paragraph", 0, "First line."),
        ("paragraph", 0, "Second line."),
    ]
    assert parsed.title == "Pump P7"


def test_numbers_stay_as_they_are_written():
    text = '{"a": 1.10, "b": 12345678901234567890.5, "c": 1e400, "d": NaN, "e": ' + "9" * 5000
    shown = read(text + "}", "a.json").pages[0].text
    assert shown.startswith("a: 1.10\nb: 12345678901234567890.5\nc: 1e400\nd: NaN\n")
    assert "9" * 5000 in shown


def test_both_values_of_a_name_that_comes_twice_stay():
    parsed = read('{"a": 1, "a": 2}', "a.json")
    assert parsed.pages[0].text == "a: 1\na (2): 2"
    assert parsed.counts == {"names_repeated": 1}


def records(*extra):
    long = "A long text. " * 30
    return [{"title": f"T{n}", "text": long, "n": n} for n in range(3)] + list(extra)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_each_record_is_a_page_with_its_place_as_number(name):
    made = records()
    text = json.dumps(made) if name == "a.json" else "\n".join(map(json.dumps, made))
    parsed = read(text, name)
    assert [page.number for page in parsed.pages] == [1, 2, 3]
    assert blocks(parsed, 1)[:3] == [
        ("heading", 1, "T1"),
        ("list", 0, "n: 1"),
        ("heading", 2, "text"),
    ]


def test_a_line_that_is_no_record_is_counted_and_the_others_stay():
    parsed = read('{"a": 1, "b": 2}\nbroken\n\n{"a": 3, "b": 4}\n', "a.jsonl")
    assert lines(parsed)[-1] == "| 3 | 4 |"
    assert parsed.counts == {"records": 2, "records_unreadable": 1}


def test_lines_of_records_named_json_are_read():
    assert read('{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "a.json").counts == {"records": 2}


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ('{"a": 1,\n "b": }', "a.json", "line 2 is no JSON"),
        ("broken\n{}\n", "a.jsonl", "line 1 is no JSON"),
    ],
)
def test_what_is_no_json_says_where(text, name, reason):
    with pytest.raises(UnreadableError, match=reason) as refused:
        read(text, name)
    assert refused.value.code == "damaged"


def test_values_nested_very_deeply_are_damage():
    with pytest.raises(UnreadableError, match="nested too deeply"):
        read('{"a": ' * 200 + "1" + "}" * 200, "a.json")


def test_more_records_than_pages_are_refused():
    with pytest.raises(UnreadableError, match="it has 3 pages") as refused:
        read(json.dumps(records()), "a.json", replace(OPTIONS, most_pages=2))
    assert refused.value.code == "too_large"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
@settings(max_examples=60)
def test_any_json_gives_consistent_blocks_or_one_error(value):
    try:
        parsed = read(json.dumps(value), "a.json")
    except UnreadableError:
        return
    for page in parsed.pages:
        ends = [0]
        for block in page.blocks:
            assert ends[-1] <= block.start < block.end <= len(page.text)
            ends.append(block.end)
