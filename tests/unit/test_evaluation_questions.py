import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.questions import (
    GivenDocument,
    OraclePage,
    Question,
    questions_of_rows,
    read_questions,
)
from sfta_edge.errors import ConfigError
from sfta_edge.retriever import Chunk

GOOD = {"id": "q1", "question": "How much?", "answers": ["7 bar"], "answerable": True}


def written(folder, *rows):
    path = folder / "questions.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    return path


def chunk(identifier, text, *, page=1, name="manual.pdf"):
    return Chunk(identifier, f"id of {name}", "Manual", page, "", text, 0, len(text), name)


def test_a_file_is_read_in_its_order_and_blank_lines_are_skipped(tmp_path):
    other = {**GOOD, "id": "q2", "answers": [], "answerable": False, "kind": "near_miss"}
    first, second = read_questions(written(tmp_path, GOOD, "", other))
    assert (first.id, first.answers, first.kind) == ("q1", ("7 bar",), "question")
    assert (second.answerable, second.kind) == (False, "near_miss")


def test_a_line_separator_inside_a_text_does_not_end_the_row(tmp_path):
    row = json.dumps({**GOOD, "question": "one\u2028two"}, ensure_ascii=False)
    assert read_questions(written(tmp_path, row))[0].question == "one\u2028two"


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
                        {*GOOD, "documents", "oracle_ids", "oracle_pages", "kind", "group", "x"}
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


def row(identifier, question, *, oracles=(), kind="fact"):
    quotes = [{"chunk_id": name, "text": "t", "start": 0, "end": 1} for name in oracles]
    return {
        "id": identifier,
        "question": question,
        "kind": kind,
        "quotes": quotes,
        "answer": "7 bar" if oracles else "",
        "group": "g",
    }


def test_rows_become_questions_with_their_quoted_chunks_as_oracles():
    answered, refused = questions_of_rows(
        [
            row("b", "Which colour?", kind="near_miss"),
            row("a", "How much?", oracles=["c1", "c1"]),
        ]
    )
    assert (answered.id, answered.oracle_ids, answered.answers) == ("a", ("c1",), ("7 bar",))
    assert (refused.id, refused.answerable, refused.answers) == ("b", False, ())


def test_a_question_that_some_row_answers_is_answerable():
    rows = [row("a", "how  much?"), row("b", "How much?", oracles=["c1"])]
    (question,) = questions_of_rows(rows)
    assert question.answerable


CHUNKS = [
    chunk("c1", "The pressure is 7.5 bar."),
    chunk("c2", "The colour is blue."),
    chunk("c3", "Nothing about it.", page=2),
    chunk("c4", "Pressure of 7.5 bar again.", page=2, name="other.pdf"),
]


def asked(**known):
    return Question("q", "How much?", ("7.5 bar",), answerable=True, **known)


def test_of_an_oracle_page_the_chunks_with_the_answer_are_taken():
    (oracle,) = resolve_oracles([asked(oracle_pages=(OraclePage("manual.pdf", 1),))], CHUNKS)
    assert oracle.ids == ("c1",)
    assert (oracle.group, oracle.page_group) == ("manual.pdf", "manual.pdf page 1")


def test_of_a_page_that_words_it_differently_all_chunks_are_taken():
    question = Question(
        "q", "?", ("seven",), answerable=True, oracle_pages=(OraclePage("manual.pdf", 1),)
    )
    assert resolve_oracles([question], CHUNKS)[0].ids == ("c1", "c2")


def test_a_question_without_oracle_is_a_cluster_of_its_own():
    unknown, grouped = resolve_oracles([asked(), asked(group="chapter 1")], CHUNKS)
    assert unknown.ids == ()
    assert unknown.group == "question q"
    assert grouped.group == "chapter 1"


def test_everything_the_index_does_not_hold_is_listed_at_once():
    questions = [
        asked(oracle_ids=("c9",)),
        asked(oracle_pages=(OraclePage("gone.pdf", 1), OraclePage("manual.pdf", 9))),
    ]
    with pytest.raises(ConfigError) as caught:
        resolve_oracles(questions, CHUNKS)
    for problem in (
        "no chunk 'c9'",
        "no document 'gone.pdf'",
        "no text on page 9 of 'manual.pdf'",
    ):
        assert problem in str(caught.value)


def test_the_same_and_the_nearly_same_question_are_leaks():
    questions = [
        Question("same", "What is the oil pressure?", ("1",), answerable=True),
        Question("near", "What is the normal oil pressure of unit CX today?", ("1",), True),
        Question("new", "Who built it?", ("1",), answerable=True),
    ]
    seen = ["What is oil pressure", "What is the normal oil pressure of unit CX now?"]
    leakage = find_leakage(questions, seen, 0.7)
    assert leakage.ids == {"same", "near"}
    facts = leakage.facts()
    assert (facts["exact"], facts["near"], facts["compared_with"]) == (1, 1, 2)
    assert find_leakage(questions, seen, 0.95).ids == {"same"}


@given(st.lists(st.sampled_from(["a b", "a b c", "c d e f", "x"]), max_size=4))
def test_a_question_always_leaks_from_data_that_holds_it(seen):
    question = Question("q", "c d e f", ("1",), answerable=True)
    assert find_leakage([question], [*seen, "C d e f?"], 1.0).ids == {"q"}
    assert ("c d e f" in seen) == bool(find_leakage([question], seen, 1.0).ids)


def from_file(identifier, *, context=(), answer="7 bar", quoted=()):
    base = row(identifier, f"How much {identifier}?", oracles=quoted, kind="chat")
    completion = answer if answer == "No." else f"Answer: {answer}"
    context = [{"chunk_id": name, "role": "distractor"} for name in context]
    return {**base, "answer": answer, "completion": completion, "context": context}


BESIDE = {
    "f1": GivenDocument("f1", "Note", "It is 7 bar."),
    "f2": GivenDocument("f2", "B", "x"),
}


def test_a_row_without_documents_is_asked_of_the_index():
    (question,) = questions_of_rows([from_file("a"), from_file("b", answer="No.")])
    assert (question.id, question.answers, question.answerable) == ("a", ("7 bar",), True)
    assert question.documents == ()


def test_documents_that_no_index_holds_come_along_with_their_question():
    rows = [
        from_file("a", context=["f2", "f1"], quoted=["f1"]),
        from_file("b", context=["f2"], answer="No."),
        from_file("c", context=["f2"]),
    ]
    quoted, refused, unquoted = questions_of_rows(rows, BESIDE)
    assert [d.id for d in quoted.documents] == ["f2", "f1"]
    assert quoted.oracle_ids == ("f1",)
    assert (refused.answerable, refused.answers) == (False, ())
    assert (unquoted.answerable, unquoted.oracle_ids) == (True, ())


def test_a_generated_row_that_lost_its_oracle_is_still_left_out():
    lost = {**from_file("a", context=["c1"], answer="No."), "kind": "torque"}
    assert questions_of_rows([lost], BESIDE) == []
