"""Questions find the chunks that answer them, and what training has seen is a leak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asked_questions import row
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.questions import (
    GivenDocument,
    OraclePage,
    Question,
    questions_of_rows,
)
from sfta_edge.errors import ConfigError
from sfta_edge.retriever import Chunk


def chunk(identifier, text, *, page=1, name="manual.pdf"):
    return Chunk(identifier, f"id of {name}", "Manual", page, "", text, 0, len(text), name)


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
