"""Files of records: read with their numbers, written whole, the same bytes every time."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfta.adapters.record_files import identity, read_records, save_dataset, write_records
from sfta_edge.errors import ConfigError

ROWS = [
    {"id": "a", "quotes": [], "context": [{"chunk_id": "c", "text": "x"}], "n": 1},
    {"id": "b", "quotes": [{"text": "ä\n", "start": 3}], "context": [], "n": 2},
]


def values(path):
    return [record.value for record in read_records(path)]


def put(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding, newline="")
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_what_was_written_is_read(tmp_path, name):
    write_records(tmp_path / "deep" / name, ROWS)
    assert values(tmp_path / "deep" / name) == ROWS
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [name]


def test_a_saved_dataset_is_one_that_datasets_loads(tmp_path):
    from datasets import load_from_disk

    save_dataset(tmp_path / "d", {"train": ROWS, "validation": ROWS[:1], "test": []})
    loaded = load_from_disk(str(tmp_path / "d"))
    assert {name: split.to_list() for name, split in loaded.items()} == {
        "train": ROWS, "validation": ROWS[:1]}  # fmt: skip
    # An empty list has a type, because another row of the column has items.
    assert loaded["validation"].features == loaded["train"].features
    records = read_records(tmp_path / "d")
    assert [(r.number, r.split) for r in records] == [
        (1, "train"), (2, "train"), (3, "validation")]  # fmt: skip


def test_the_same_rows_are_saved_as_the_same_bytes(tmp_path):
    for name in "ab":
        save_dataset(tmp_path / name, {"train": ROWS})
    assert identity(tmp_path / "a") == identity(tmp_path / "b") != ""
    save_dataset(tmp_path / "c", {"train": ROWS[:1]})
    assert identity(tmp_path / "c") != identity(tmp_path / "a")


def test_a_folder_is_never_written_into(tmp_path):
    with pytest.raises(ConfigError, match="exists already"):
        save_dataset(tmp_path, {"train": ROWS})


def test_json_may_be_lines_or_one_array(tmp_path):
    assert values(put(tmp_path, "a.json", json.dumps(ROWS))) == ROWS
    assert values(put(tmp_path, "b.json", "\n".join(map(json.dumps, ROWS)))) == ROWS


def test_the_number_of_a_record_is_its_line(tmp_path):
    text = '\ufeff{"a": 1}\n\nno json\n' + "[" * 100_000 + '\n{"a": 2}\n'
    records = read_records(put(tmp_path, "a.jsonl", text))
    assert [(r.number, r.value) for r in records if not r.problem] == [
        (1, {"a": 1}), (5, {"a": 2})]  # fmt: skip
    assert [r.number for r in records if r.problem] == [3, 4]
    assert all("is not JSON" in r.problem for r in records if r.problem)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_whatever_parts_its_cells(tmp_path, delimiter):
    text = delimiter.join(["question", " answer "]) + "\r\n"
    text += delimiter.join(['"two\nlines, quoted; ""so"""', "yes"]) + "\r\n\r\n"
    assert values(put(tmp_path, "a.csv", text)) == [
        {"question": 'two\nlines, quoted; "so"', "answer": "yes"}
    ]


def test_a_row_with_too_many_cells_is_named(tmp_path):
    records = read_records(put(tmp_path, "a.csv", "a,b\n1,2\n1,2,3\n"))
    assert records[1].problem == "the whole row: has 3 cells, the head 2"
    assert records[1].number == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "a,a\n1,2\n", "two columns have one name"),
        ("a.csv", 'a,b\n"1,2\n', "is no CSV"),
        ("a.json", "[1,", "is not JSON"),
        ("a.txt", "x", r"ending in \.txt are not read"),
        ("a", "x", "ending in nothing are not read"),
        ("a.parquet", "x", "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, text, said):
    with pytest.raises(ConfigError, match=said):
        read_records(put(tmp_path, name, text))


def test_a_wrong_encoding_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="cannot read") as caught:
        read_records(put(tmp_path, "a.jsonl", '{"a": "é"}', "latin-1"))
    assert "UTF-8" in caught.value.hint


def test_what_is_not_there_or_was_not_saved_is_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no file"):
        read_records(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="no folder that datasets saved"):
        read_records(tmp_path)
    assert identity(tmp_path / "none.jsonl") == ""


def test_the_kind_of_a_file_is_told_by_its_name(tmp_path):
    with pytest.raises(ConfigError, match="told by its name"):
        write_records(tmp_path / "rows.csv", ROWS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(st.characters(codec="utf-8"))),
                min_size=1, max_size=4))  # fmt: skip
def test_any_records_come_back_from_json_lines(tmp_path, records):
    path = Path(tmp_path) / "rows.jsonl"
    write_records(path, records)
    assert values(path) == records
