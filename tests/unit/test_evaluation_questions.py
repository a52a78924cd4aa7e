"""Questions of a file are read whole or refused with every problem and its line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.questions import questions_of_rows, read_questions
from sfta_edge.errors import ConfigError

GOOD = {"id": "q1", "question": "How much?", "answers": ["7 bar"], "answerable": True}


def written(folder, *rows):
    path = folder / "questions.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_file_is_read_in_its_order_and_blank_lines_are_skipped(tmp_path):
    other = {**GOOD, "id": "q2", "answers": [], "answerable": False, "kind": "near_miss"}
    first, second = read_questions(written(tmp_path, GOOD, "", other))
    assert (first.id, first.answers, first.kind) == ("q1", ("7 bar",), "question")
    assert (second.answerable, second.kind) == (False, "near_miss")


def test_a_line_separator_inside_a_text_does_not_end_the_row(tmp_path):
    row = json.dumps({**GOOD, "question": "one\u2028two"}, ensure_ascii=False)
    assert read_questions(written(tmp_path, row))[0].question == "one\u2028two"


def test_a_long_reference_and_the_need_of_all_oracles_are_read(tmp_path):
    both = {**GOOD, "oracle_ids": ["c1", "c2"], "all_oracles": True}
    plain, told = read_questions(
        written(tmp_path, GOOD, {**both, "id": "q2", "reference": "It runs at 7 bar."})
    )
    assert (plain.all_oracles, plain.reference, plain.references) == (False, "", ("7 bar",))
    assert told.all_oracles
    assert told.references == ("7 bar", "It runs at 7 bar.")


def test_a_row_that_quotes_two_chunks_needs_both(tmp_path):
    row = {"id": "r", "question": "Which?", "kind": "multi_chunk", "answer": "7 bar"}
    quotes = [{"chunk_id": "c1"}, {"chunk_id": "c2"}, {"chunk_id": "c1"}]
    both, one = (
        questions_of_rows([{**row, "quotes": some}])[0] for some in (quotes, quotes[::2])
    )
    assert (both.oracle_ids, both.all_oracles) == (("c1", "c2"), True)
    assert (one.oracle_ids, one.all_oracles) == (("c1",), False)


def test_keys_of_the_files_own_are_left_alone(tmp_path):
    (question,) = read_questions(written(tmp_path, {**GOOD, "near_ids": ["x"], "source": 3}))
    assert question.id == "q1"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": ""}, "'id' must be a text"),
        ({"id": 7}, "'id' must be a text"),
        ({"question": "  "}, "'question' must be a text"),
        ({"answers": "7 bar"}, "'answers' must be a list of texts"),
        ({"answers": [""]}, "'answers' must be a list of texts"),
        ({"answers": []}, "is answerable but has no answers"),
        ({"answerable": "yes"}, "'answerable' must be true or false"),
        ({"answerable": False}, "is not answerable but has answers"),
        (
            {
                "answerable": False,
                "answers": [],
                "oracle_pages": [{"document": "a", "page": 1}],
            },
            "is not answerable but has oracle_pages",
        ),
        ({"oracle_ids": [1]}, "'oracle_ids' must be a list of texts"),
        ({"oracle_pages": [{"document": "a.pdf", "page": 0}]}, "'oracle_pages' must be"),
        ({"oracle_pages": [{"document": "a.pdf", "page": True}]}, "'oracle_pages' must be"),
        ({"oracle_pages": ["a.pdf"]}, "'oracle_pages' must be"),
        ({"documents": [{"id": "d"}]}, "'documents' must be"),
        ({"kind": 3}, "'kind' must be a text"),
        ({"reference": ["x"]}, "'reference' must be a text"),
        ({"all_oracles": "yes"}, "'all_oracles' must be true or false"),
        ({"all_oracles": True}, "'all_oracles' needs 'oracle_ids'"),
        (
            {
                "all_oracles": True,
                "oracle_ids": ["c"],
                "oracle_pages": [{"document": "a", "page": 1}],
            },
            "'all_oracles' needs 'oracle_ids', and no 'oracle_pages'",
        ),
        (
            {"answerable": False, "answers": [], "reference": "No."},
            "is not answerable but has reference",
        ),
        (
            {"documents": [{"id": "d", "title": "", "text": "t"}] * 2},
            "document id 'd' is used twice",
        ),
        (
            {"documents": [{"id": "d", "title": "", "text": "t"}], "oracle_ids": ["e"]},
            "oracle id 'e' is not among its documents",
        ),
        (
            {
                "documents": [{"id": "d", "title": "", "text": "t"}],
                "oracle_pages": [{"document": "d", "page": 1}],
            },
            "'oracle_pages' are pages of the index",
        ),
    ],
)
def test_an_unusable_row_is_named_with_its_line(tmp_path, change, problem):
    with pytest.raises(ConfigError, match="line 2: ") as caught:
        read_questions(written(tmp_path, GOOD, {**GOOD, "id": "q2", **change}))
    assert problem in str(caught.value)


def test_a_misspelled_key_is_named_with_the_right_one(tmp_path):
    row = {**GOOD, "answer": GOOD["answers"]}
    del row["answers"]
    with pytest.raises(ConfigError, match="did you mean 'answers'"):
        read_questions(written(tmp_path, row))


def test_all_problems_are_reported_together(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_questions(written(tmp_path, "{", "[]", {**GOOD, "id": ""}, GOOD, GOOD))
    message = str(caught.value)
    for place in ("line 1: is not JSON", "line 2: is not a JSON object", "line 3: 'id'"):
        assert place in message
    assert "id 'q1' is used twice" in message
    assert "4 problems" in message


def test_a_flood_of_problems_is_cut_and_counted(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_questions(written(tmp_path, *["{"] * 50))
    assert "50 problems" in str(caught.value)
    assert "and 30 more" in str(caught.value)


def test_a_missing_or_empty_or_binary_file_is_a_configuration_error(tmp_path):
    for content, message in (
        (None, "no benchmark file"),
        (b"", "no question"),
        (b"\xff", "read"),
    ):
        path = tmp_path / "file.jsonl"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=message):
            read_questions(path)


def test_deeply_nested_json_is_a_problem_and_no_crash(tmp_path):
    with pytest.raises(ConfigError, match="line 1"):
        read_questions(written(tmp_path, "[" * 100_000))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    sorted(
                        {
                            *GOOD,
                            "documents",
                            "oracle_ids",
                            "oracle_pages",
                            "all_oracles",
                            "kind",
                            "group",
                            "reference",
                            "x",
                        }
                    )
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_question_or_a_configuration_error(tmp_path_factory, value):
    path = written(
        tmp_path_factory.mktemp("any"),
        {**GOOD, **value} if isinstance(value, dict) else json.dumps(value),
    )
    try:
        found = len(read_questions(path))
    except ConfigError as error:
        found = str(error).count("line 1:") > 0
    assert found
