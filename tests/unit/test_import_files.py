"""Files of question sets: how they are opened, recognised, limited, and what is said of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import published_sets as sets
from published_sets import as_json, as_lines
from sfta.documents.media import decode
from sfta.evaluation.importing import packed, reading
from sfta.evaluation.importing.files import open_source
from sfta.evaluation.importing.formats import FORMATS, recognise
from sfta.evaluation.importing.imported import Notes, Passage, UnusableError, whole
from sfta.evaluation.importing.reading import Wanted, read_benchmark
from sfta_edge.errors import ConfigError


def imported(path, **wanted):
    return read_benchmark(path, Wanted(**wanted), decode)


def entries(path):
    return list(open_source(path, decode).entries)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (sets.SQUAD["data"][0], "squad"),
        (sets.NQ_OPEN[0], "nq"),
        (sets.NQ, "nq"),
        (sets.PUBMEDQA["21645374"], "pubmedqa"),
        (sets.HOTPOTQA[0], "hotpotqa"),
        (sets.CLAPNQ[0], "clapnq"),
        (sets.RGB[0], "rgb"),
        (sets.RGB_FACT[0], "rgb"),
        ({"question": "a", "answers": ["b"], "oracle_ids": ["c"]}, "corpus"),
        ({"question": "a", "answer": "b"}, "table"),
    ],
)
def test_a_format_is_recognised_by_its_keys(record, name):
    assert recognise(record, table_file=False) == name


def test_an_unknown_format_names_its_keys_and_the_known_ones():
    with pytest.raises(ConfigError, match="their keys: code, api_call") as caught:
        recognise({"code": 1, "api_call": 2}, table_file=False)
    assert all(name in caught.value.hint for name in FORMATS)
    with pytest.raises(ConfigError, match="no object"):
        recognise("text", table_file=False)


def test_all_problems_of_a_file_are_listed_together_the_first_twenty(tmp_path):
    good, bad = json.dumps(sets.NQ_OPEN[0]), '{"question": "", "answer": ["x"]}'
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join([good, "{broken", bad, *[bad] * 30]), "utf-8")
    with pytest.raises(ConfigError) as caught:
        imported(path)
    message = str(caught.value)
    assert "32 problems" in message
    assert "line 2: is not JSON" in message
    assert "line 3: 'question' must be a text" in message
    assert "and 12 more" in message


def test_a_file_that_is_one_line_of_json_is_no_file_of_lines(tmp_path):
    assert len(entries(as_json(tmp_path, sets.SQUAD))) == 1
    assert len(entries(as_json(tmp_path, sets.HOTPOTQA))) == 1
    assert [e.key for e in entries(as_json(tmp_path, sets.PUBMEDQA, indent=1))] == ["21645374"]


def test_one_record_on_one_line_is_a_file_of_lines(tmp_path):
    (entry,) = entries(as_lines(tmp_path, sets.NQ_OPEN[:1]))
    assert (entry.place, entry.value) == ("line 1", sets.NQ_OPEN[0])


def test_a_byte_order_mark_and_blank_lines_do_not_matter(tmp_path):
    path = tmp_path / "set.json"
    body = "\n\n".join(json.dumps(record) for record in sets.NQ_OPEN)
    path.write_bytes(b"\xef\xbb\xbf" + body.encode() + b"\r\n")
    assert [entry.place for entry in entries(path)] == ["line 1", "line 3"]


def test_what_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        imported(tmp_path / "absent.json")
    broken = tmp_path / "x.json"
    broken.write_bytes(b"[\xff\xfe]")
    with pytest.raises(ConfigError, match="is not JSON"):
        imported(broken)
    broken.write_bytes(b"[" * 100_000)
    with pytest.raises(ConfigError, match="is not JSON"):
        imported(broken)


def test_files_and_lines_have_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "LARGEST_FILE", 200)
    monkeypatch.setattr(packed, "LARGEST_LINE", 100)
    with pytest.raises(ConfigError, match="in one piece"):
        imported(as_json(tmp_path, sets.SQUAD))
    long = {"question": "q" * 100, "answer": ["a"]}
    with pytest.raises(ConfigError, match="line 2 is longer"):
        imported(as_lines(tmp_path, [sets.NQ_OPEN[0], long]))


def test_a_set_has_a_largest_number_of_questions(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_QUESTIONS", 1)
    with pytest.raises(ConfigError, match="more than 1 questions"):
        imported(as_lines(tmp_path, sets.NQ_OPEN))


def test_a_question_that_stands_there_twice_is_taken_once(tmp_path):
    made = imported(as_lines(tmp_path, [*sets.NQ_OPEN, sets.NQ_OPEN[0]]))
    assert len(made.lines) == 2
    assert made.notes.left_out == {"the question stands in the file before": 1}


def test_an_id_of_two_questions_is_an_error(tmp_path):
    other = {**sets.RGB[0], "query": "Where is it?"}
    with pytest.raises(ConfigError, match="line 2: id '0' is that of another question"):
        imported(as_lines(tmp_path, [sets.RGB[0], other]))


def test_a_file_of_which_nothing_is_left_says_why(tmp_path):
    empty = {**sets.NQ_OPEN[0], "answer": []}
    with pytest.raises(ConfigError, match=r"no question .*\(no answer is given: 1\)"):
        imported(as_lines(tmp_path, [empty]))


def test_a_question_brings_no_more_passages_than_it_may(tmp_path):
    paragraphs = [[f"T{n}", [f"Text {n}."]] for n in range(30)]
    record = {**sets.HOTPOTQA[0], "context": [*sets.HOTPOTQA[0]["context"], *paragraphs]}
    made = imported(as_lines(tmp_path, [record]), passages=5)
    titles = [document["title"] for document in made.lines[0]["documents"]]
    assert len(titles) == 5
    assert {"Ed", "Scott"} <= set(titles)
    assert titles == [t for t, _ in record["context"] if t in titles]
    assert made.notes.remarks["it has more passages than it brings along"] == 1
    tight = imported(as_lines(tmp_path, [record]), passages=1)
    assert len(tight.lines[0]["documents"]) == 2


def test_the_share_of_passages_with_the_answer_stays_as_it_is(tmp_path):
    texts = {
        "positive": [f"yes {n}" for n in range(20)],
        "negative": [f"no {n}" for n in range(20)],
    }
    records = [{**sets.RGB[0], **texts, "id": number} for number in range(30)]
    lines = imported(as_lines(tmp_path, records), passages=4).lines[::2]
    oracles = [len(line["oracle_ids"]) for line in lines]
    assert min(oracles) >= 1
    assert 1.5 < sum(oracles) / len(oracles) < 3.2


def test_the_same_file_becomes_the_same_bytes(tmp_path):
    path = as_lines(tmp_path, [sets.RGB[0], *sets.RGB_FACT, *sets.RGB_INTEGRATION])
    assert imported(path).content() == imported(path).content()


def test_half_a_surrogate_pair_is_replaced_because_no_file_can_hold_it(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_text('{"question": "who \\ud800 is", "answer": ["\\u2028x"]}\n', "utf-8")
    (line,) = imported(path).content().decode().splitlines()[:1]
    assert json.loads(line.split("\n")[0])["question"] == "who \ufffd is"


def test_a_problem_is_noted_with_its_place_and_reading_goes_on():
    notes = Notes()
    with notes.at("line 4"):
        raise UnusableError("is no text")
    assert notes.problems == ["line 4: is no text"]


@given(st.text(), st.text(st.characters(codec="utf-8")))
def test_a_document_has_a_name_that_every_file_system_takes(title, text):
    name = Passage(whole(title), text).file
    assert name.endswith(".txt")
    assert len(name) <= 100
    assert not {"/", "\\", "\0", "\n", ":"} & set(name)
    assert not name.startswith((".", "-"))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["question", "answer", "answers", "data",
                        "query", "positive", "negative", "id", "paragraphs", "context", "_id"]),
                        inner, max_size=6), max_leaves=12),
       st.sampled_from(FORMATS))  # fmt: skip
def test_no_content_makes_more_than_an_error_of_its_own(tmp_path_factory, value, name):
    path = tmp_path_factory.mktemp("any") / "set.json"
    path.write_text(json.dumps([value, value]), "utf-8")
    for wanted in ("", name):
        try:
            made = imported(path, format=wanted)
        except ConfigError:
            continue
        assert made.lines
