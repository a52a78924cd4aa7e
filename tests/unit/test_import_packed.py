"""Question sets in gzip and Parquet: the same questions, and no file that fills memory or disk."""

import gzip
import json
import random
import zlib

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as arrow_parquet

import published_sets as sets
from published_sets import as_json, as_lines
from sfta.cli import questions as commands
from sfta.documents.media import decode
from sfta.evaluation.importing import packed, parquet
from sfta.evaluation.importing.packed import OpenFile
from sfta.evaluation.importing.reading import Wanted, read_benchmark
from sfta_edge.errors import ConfigError

TABLE = "question,answer,page,document\nHow much?,7 bar,3,a.pdf\nWho?,the fitter,4,a.pdf\n"
ROWS = [
    {"id": "s1", "title": "Oxide_minerals", "context": "Magnetite is found in Kiruna.",
     "question": "Where is magnetite found?",
     "answers": {"text": ["Kiruna", "in Kiruna", "Kiruna"], "answer_start": [22, 19, 22]}},
    {"id": "s2", "title": "Oxide_minerals", "context": "Magnetite is found in Kiruna.",
     "question": "Where is hematite found?", "answers": {"text": [], "answer_start": []}},
]  # fmt: skip
KIB = 1 << 10


def imported(path, **wanted):
    return read_benchmark(path, Wanted(**wanted), decode)


def zipped(path):
    out = path.with_name(path.name + ".gz")
    out.write_bytes(gzip.compress(path.read_bytes()))
    return out


def as_parquet(folder, records, name="set.parquet", **more):
    path = folder / name
    arrow_parquet.write_table(pa.Table.from_pylist(records), path, **more)
    return path


@pytest.fixture
def small(monkeypatch):
    """Limits that a test can reach."""
    monkeypatch.setattr(packed, "LARGEST_FILE", 64 * KIB)
    monkeypatch.setattr(packed, "LARGEST_LINE", 16 * KIB)
    monkeypatch.setattr(parquet, "LARGEST_FILE", 64 * KIB)


def test_a_packed_set_holds_the_same_questions(tmp_path):
    table = tmp_path / "set.csv"
    table.write_text(TABLE, "utf-8")
    plain = [as_lines(tmp_path, sets.NQ_OPEN), as_json(tmp_path, sets.SQUAD), table]
    for path in plain:
        found, same = imported(path), imported(zipped(path))
        assert same.content() == found.content()
        assert (same.format, same.columns) == (found.format, found.columns)


def test_a_name_does_not_tell_what_is_packed(tmp_path):
    path = as_lines(tmp_path, sets.NQ_OPEN)
    hidden = tmp_path / "hidden.jsonl"
    hidden.write_bytes(gzip.compress(path.read_bytes()))
    assert imported(hidden).content() == imported(path).content()
    wrong = tmp_path / "wrong.csv.gz"
    wrong.write_text(TABLE, "utf-8")
    assert OpenFile.at(wrong).suffix == ".gz"


def test_a_packed_corpus_is_read(tmp_path):
    corpus = as_lines(tmp_path, [{"id": "p1", "title": "T", "text": "It is oak."}])
    questions = tmp_path / "asked.jsonl"
    asked = {"id": "q", "question": "What?", "answers": ["oak"], "oracle_ids": ["p1"]}
    questions.write_text(json.dumps(asked), "utf-8")
    made = imported(zipped(questions), corpus=zipped(corpus))
    assert [found["text"] for found in made.lines[0]["documents"]] == ["It is oak."]


@pytest.mark.parametrize("damage", ["cut", "turned", "nothing left"])
def test_a_damaged_packed_file_is_an_error_of_its_own(tmp_path, damage):
    path = zipped(as_lines(tmp_path, sets.NQ_OPEN * 50))
    raw = bytearray(path.read_bytes())
    if damage == "turned":
        raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw[: len(raw) // 2] if damage == "cut" else raw)
    if damage == "nothing left":
        path.write_bytes(raw[:4])
    with pytest.raises(ConfigError, match="cannot read"):
        imported(path)


def test_bytes_behind_the_end_of_gzip_are_refused(tmp_path):
    path = zipped(as_lines(tmp_path, sets.NQ_OPEN))
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ConfigError, match="cannot read"):
        imported(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl.gz", b"0" * 4_000_000, "in one piece"),
        ("x.json.gz", b"[" + b" " * 4_000_000, "in one piece"),
        ("x.csv.gz", b"question,answer\n" + b"a,b\n" * 1_000_000, "in one piece"),
        ("x.jsonl.gz", b'{"question": "a", "answer": ["b"]}\n' * 200_000, "unpacks to more"),
        ("x.jsonl.gz", b"\n" * 8_000_000, "unpacks to more"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, small, name, content, said):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ConfigError, match=said):
        imported(path)


def test_a_bomb_is_read_no_further_than_its_limit(tmp_path, small, monkeypatch):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 8_000_000))
    read = []

    class Counting(gzip.GzipFile):
        def readline(self, size=-1):
            line = super().readline(size)
            read.append(len(line))
            return line

    monkeypatch.setattr(packed.gzip, "GzipFile", Counting)
    with pytest.raises(ConfigError, match="unpacks to more"):
        imported(path)
    most = packed.unpacked_limit(path.stat().st_size)
    assert sum(read) <= most + packed.LARGEST_LINE


def test_a_plain_file_of_lines_has_no_total_limit(tmp_path, small):
    records = [{"question": f"What is {n}?", "answer": [str(n)]} for n in range(3000)]
    assert len(imported(as_lines(tmp_path, records)).lines) == 3000


def test_rows_of_parquet_are_read_as_lines_are(tmp_path):
    path = as_parquet(tmp_path, sets.NQ_OPEN)
    assert imported(path).content() == imported(as_lines(tmp_path, sets.NQ_OPEN)).content()
    rows = [{"question": "How much?", "answer": "7 bar", "document": "m.pdf", "page": 3.0}]
    (line,) = imported(as_parquet(tmp_path, rows)).lines
    assert line["oracle_pages"] == [{"document": "m.pdf", "page": 3}]


def test_squad_by_row_as_data_hubs_hold_it(tmp_path):
    made = imported(as_parquet(tmp_path, ROWS))
    found, impossible = made.lines
    assert made.format == "squad"
    assert (found["id"], found["answers"]) == ("s1", ["Kiruna", "in Kiruna"])
    assert found["documents"][0]["title"] == "Oxide minerals"
    assert (impossible["answers"], impossible["answerable"]) == ([], False)
    assert "oracle_ids" not in impossible
    assert imported(as_lines(tmp_path, ROWS)).content() == made.content()


def test_a_row_of_squad_without_texts_is_named(tmp_path):
    broken = {**ROWS[0], "id": "s3", "answers": ["Kiruna"]}
    with pytest.raises(ConfigError, match=r"line 2: 'answers' must hold a list 'text'"):
        imported(as_lines(tmp_path, [ROWS[0], broken]))


def test_what_is_wrong_with_a_row_of_parquet_is_told_with_its_place(tmp_path):
    path = as_parquet(tmp_path, [*sets.NQ_OPEN, {"question": "", "answer": ["x"]}])
    with pytest.raises(ConfigError, match=r"row 3: 'question' must be a text"):
        imported(path)


@pytest.mark.parametrize("damage", ["cut", "turned", "head alone"])
def test_a_damaged_parquet_file_is_an_error_of_its_own(tmp_path, damage):
    path = as_parquet(tmp_path, ROWS * 30)
    raw = bytearray(path.read_bytes())
    if damage == "turned":
        raw[4:40] = bytes(36)
    path.write_bytes({"cut": raw[:-9], "turned": raw, "head alone": raw[:4]}[damage])
    with pytest.raises(ConfigError, match="cannot read"):
        imported(path)


def test_parquet_inside_gzip_is_not_unpacked(tmp_path):
    with pytest.raises(ConfigError, match="Parquet file inside gzip"):
        imported(zipped(as_parquet(tmp_path, ROWS)))


def test_a_text_that_is_stored_once_and_stands_in_every_row_is_a_bomb(tmp_path, small):
    rows = [{"question": "a", "answer": "b", "context": "c" * 8000}] * 2000
    path = as_parquet(tmp_path, rows)
    assert path.stat().st_size < 4 * KIB
    with pytest.raises(ConfigError, match="unpacks to more"):
        imported(path)


def test_what_the_file_says_itself_to_unpack_to_is_refused_at_once(
    tmp_path, small, monkeypatch
):
    rows = [{"question": "a", "answer": str(n) * 2000} for n in range(500)]
    path = as_parquet(tmp_path, rows, compression="zstd", use_dictionary=False)

    def never(*_args, **_more):
        raise AssertionError("rows were read")

    monkeypatch.setattr(arrow_parquet.ParquetFile, "iter_batches", never)
    with pytest.raises(ConfigError, match="unpacks to more"):
        imported(path)


def test_few_rows_are_read_at_once_where_their_texts_may_be_long(tmp_path, small, monkeypatch):
    drawn = random.Random(7)
    rows = [{"question": "a", "answer": drawn.randbytes(500).hex()} for _ in range(20)]
    path = as_parquet(tmp_path, rows)
    asked = []
    real = arrow_parquet.ParquetFile.iter_batches

    def noted(self, *, batch_size, **more):
        asked.append(batch_size)
        return real(self, batch_size=batch_size, **more)

    monkeypatch.setattr(arrow_parquet.ParquetFile, "iter_batches", noted)
    assert len(list(parquet.rows(path, path.stat().st_size))) == 20
    (at_once,) = asked
    assert 1 <= at_once < 20


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=6), st.booleans())
def test_lines_of_a_packed_file_are_those_of_the_file(tmp_path_factory, texts, twice):
    raw = "\n".join(texts).encode()
    folder = tmp_path_factory.mktemp("any")
    plain, small_one = folder / "a.jsonl", folder / "a.jsonl.gz"
    plain.write_bytes(raw)
    # A packed file may consist of several parts, one behind the other.
    half = len(raw) // 2
    parts = [raw[:half], raw[half:]] if twice else [raw]
    small_one.write_bytes(b"".join(gzip.compress(part) for part in parts))
    assert list(OpenFile.at(small_one).lines()) == list(OpenFile.at(plain).lines())
    assert OpenFile.at(small_one).whole() == raw


@settings(max_examples=50)
@given(st.binary(max_size=300), st.sampled_from([b"\x1f\x8b\x08\x00", b"PAR1", b""]))
def test_any_bytes_are_questions_or_an_error(tmp_path_factory, raw, head):
    path = tmp_path_factory.mktemp("any") / "set.jsonl.gz"
    path.write_bytes(head + raw)
    with pytest.raises(ConfigError):
        imported(path)
    body = zlib.compress(raw)
    path.write_bytes(b"\x1f\x8b" + body)
    with pytest.raises(ConfigError):
        imported(path)


def test_the_command_reads_both(tmp_path):
    for path in (zipped(as_json(tmp_path, sets.SQUAD)), as_parquet(tmp_path, ROWS)):
        out = tmp_path / f"{path.name}.questions.jsonl"
        result = CliRunner().invoke(
            commands.command, ["import", str(path), str(out)], catch_exceptions=False
        )
        assert "questions of squad" in result.stdout
        assert out.is_file()
